import type { NewGeneration, Submitted } from '../shared/generation.ts';
import { RpcError } from '../shared/rpc.ts';
import type { Store } from '../shared/store.ts';
import type { TracePlace, Tracing } from '../shared/tracing.ts';

/** Requests that come within this time of the first share one call; at most so many. */
const WINDOW_MS = 3;
const MOST_ITEMS = 100;
/** How long an unclear outcome is asked about again, with the same ids, before the caller is told. */
const REPEAT_MS = 5_000;

type Waiting = {
  item: NewGeneration;
  place: TracePlace | null;
  resolve: (submitted: Submitted) => void;
  reject: (error: unknown) => void;
};

/** Resolves to what the item came to, mostly its pending row. @throws RpcError: `unclear` when the row may be there or not, else it surely is not */
export type Submit = (item: NewGeneration) => Promise<Submitted>;

/**
 * Writes pending rows, those of requests that arrive together in one call. A call that the database refuses is made
 * again item by item, so that a bad neighbour hurts nobody.
 */
export function createSubmit({
  store,
  tracing,
}: {
  store: Pick<Store, 'submitGenerations'>;
  tracing: Pick<Tracing, 'here' | 'onBehalfOf' | 'traceparent'>;
}): Submit {
  let waiting: Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;

  const write = async (batch: Waiting[]): Promise<void> => {
    const items = batch.map(({ item }) => item);
    const places = batch.flatMap(({ place }) => place ?? []);
    const submitted = await tracing.onBehalfOf(places, () =>
      store.submitGenerations(items, { repeatForMs: REPEAT_MS }),
    );
    const byId = new Map(submitted.map((one) => [one.asked_id, one]));
    for (const { item, resolve, reject } of batch) {
      const one = byId.get(item.id);
      if (one) resolve(one);
      else reject(new Error(`submit_generations answered without ${item.id}`));
    }
  };

  const writeOrRefuse = async (batch: Waiting[]): Promise<void> => {
    try {
      await write(batch);
    } catch (error) {
      if (batch.length > 1 && isRefusedItem(error))
        await Promise.all(batch.map((one) => writeOrRefuse([one])));
      else for (const { reject } of batch) reject(error);
    }
  };

  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = [];
    void writeOrRefuse(batch);
  };

  return (item) =>
    new Promise((resolve, reject) => {
      const traced = { ...item, traceparent: tracing.traceparent() };
      waiting.push({ item: traced, place: tracing.here(), resolve, reject });
      if (waiting.length >= MOST_ITEMS) flush();
      else timer ??= setTimeout(flush, WINDOW_MS);
    });
}

/**
 * An item breaks a constraint or is no valid data (SQLSTATE classes 23 and 22), or its idempotency key has a twin that
 * is just being written (55P03). A busy database refuses all alike.
 */
function isRefusedItem(error: unknown): boolean {
  return error instanceof RpcError && !error.unclear && /^(2[23]|55P03$)/.test(error.code);
}
