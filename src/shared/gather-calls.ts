import type { TracePlace, Tracing } from './tracing.ts';

/** Of items that have to wait, since calls are under way: a call that hangs holds up the others for no longer. */
const LONGEST_WAIT_MS = 10;

type Waiting<Item, Answer> = {
  item: Item;
  place: TracePlace | null;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
};

/**
 * Makes one call for items that come at about the same time: those of one turn of the event loop, and while calls are
 * under way those that come until one of them is over. So one that is alone does not wait, and the more come the fewer
 * calls there are for each.
 *
 * `call` answers in the order of the items; when it rejects, so do all of them.
 */
export function gatherCalls<Item, Answer>({
  call,
  mostItems,
  tracing,
}: {
  call: (items: Item[]) => Promise<Answer[]>;
  mostItems: number;
  tracing: Pick<Tracing, 'here' | 'onBehalfOf'>;
}): (item: Item) => Promise<Answer> {
  let waiting: Waiting<Item, Answer>[] = [];
  let underWay = 0;
  let atOnce: NodeJS.Immediate | undefined;
  let later: NodeJS.Timeout | undefined;

  const send = async (): Promise<void> => {
    clearImmediate(atOnce);
    clearTimeout(later);
    atOnce = undefined;
    later = undefined;
    const gathered = waiting.slice(0, mostItems);
    waiting = waiting.slice(mostItems);
    if (waiting.length > 0) schedule();
    underWay += 1;
    try {
      const places = gathered.flatMap(({ place }) => place ?? []);
      const answers = await tracing.onBehalfOf(places, () => call(gathered.map(({ item }) => item)));
      for (const [index, { resolve }] of gathered.entries()) resolve(answers[index] as Answer);
    } catch (error) {
      for (const { reject } of gathered) reject(error);
    } finally {
      underWay -= 1;
      if (waiting.length > 0) schedule();
    }
  };

  function schedule(): void {
    if (waiting.length >= mostItems) void send();
    else if (underWay === 0) atOnce ??= setImmediate(send);
    else later ??= setTimeout(send, LONGEST_WAIT_MS);
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, place: tracing.here(), resolve, reject });
      schedule();
    });
}
