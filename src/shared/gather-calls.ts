import type { TracePlace, Tracing } from './tracing.ts';

/** Of items that wait for the call under way: one that hangs holds up the others for no longer. */
const LONGEST_WAIT_MS = 20;

type Waiting<Item, Answer> = {
  item: Item;
  place: TracePlace | null;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
};

/**
 * Makes one call for items that come at about the same time: those of one turn of the event loop, those that come too soon
 * after the call before, and those that come while enough calls are under way. So one that is alone does not wait, and
 * the more come the fewer calls there are for each.
 *
 * `call` answers in the order of the items; when it rejects, so do all of them.
 */
export function gatherCalls<Item, Answer>({
  call,
  mostItems,
  paceMs,
  mostAtOnce,
  tracing,
}: {
  call: (items: Item[]) => Promise<Answer[]>;
  mostItems: number;
  /** Calls start at least so far apart: each costs more than its items, so they are to be few when there is much to do. */
  paceMs: number;
  /** With so many calls under way items wait until one of them is over, or for 20 ms. */
  mostAtOnce: number;
  tracing: Pick<Tracing, 'here' | 'onBehalfOf'>;
}): (item: Item) => Promise<Answer> {
  let waiting: Waiting<Item, Answer>[] = [];
  let underWay = 0;
  let startedAt = Number.NEGATIVE_INFINITY;
  let atOnce: NodeJS.Immediate | undefined;
  let later: NodeJS.Timeout | undefined;

  const unschedule = (): void => {
    clearImmediate(atOnce);
    clearTimeout(later);
    atOnce = undefined;
    later = undefined;
  };

  const send = async (): Promise<void> => {
    unschedule();
    const gathered = waiting.slice(0, mostItems);
    waiting = waiting.slice(mostItems);
    underWay += 1;
    startedAt = performance.now();
    if (waiting.length > 0) schedule();
    try {
      const places = gathered.flatMap(({ place }) => place ?? []);
      const answers = await tracing.onBehalfOf(places, () => call(gathered.map(({ item }) => item)));
      for (const [index, { resolve }] of gathered.entries()) resolve(answers[index] as Answer);
    } catch (error) {
      for (const { reject } of gathered) reject(error);
    } finally {
      underWay -= 1;
      unschedule();
      if (waiting.length > 0) schedule();
    }
  };

  function schedule(): void {
    const isFull = waiting.length >= mostItems;
    if (atOnce || (later && !isFull)) return;
    clearTimeout(later);
    const waitMs = underWay >= mostAtOnce ? LONGEST_WAIT_MS : startedAt + paceMs - performance.now();
    if (isFull || waitMs <= 0) atOnce = setImmediate(send);
    else later = setTimeout(send, waitMs);
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, place: tracing.here(), resolve, reject });
      schedule();
    });
}
