import { gatherCalls } from '../shared/gather-calls.ts';
import type { NewGeneration, Submitted } from '../shared/generation.ts';
import { RpcError } from '../shared/rpc.ts';
import type { Store } from '../shared/store.ts';
import type { Tracing } from '../shared/tracing.ts';

/**
 * Of one call. Many more, and the answers of one are all written while the database waits for the next: submits of one
 * caller are one after the other there, since they count in one lane.
 */
const MOST_ITEMS = 16;
const PACE_MS = 3;
const MOST_AT_ONCE = 3;
/** How long an unclear outcome is asked about again, with the same ids, before the caller is told. */
const REPEAT_MS = 5_000;

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
  const write = async (items: NewGeneration[]): Promise<Submitted[]> => {
    const submitted = await store.submitGenerations(items, { repeatForMs: REPEAT_MS });
    const byId = new Map(submitted.map((one) => [one.asked_id, one]));
    return items.map(({ id }) => {
      const one = byId.get(id);
      if (!one) throw new Error(`submit_generations answered without ${id}`);
      return one;
    });
  };

  /** Settled, so that one item's refusal is not its neighbours'. */
  const writeOrRefuse = async (items: NewGeneration[]): Promise<PromiseSettledResult<Submitted>[]> => {
    try {
      return (await write(items)).map((value) => ({ status: 'fulfilled', value }));
    } catch (reason) {
      if (items.length === 1 || !isRefusedItem(reason))
        return items.map(() => ({ status: 'rejected', reason }));
      return (await Promise.all(items.map((item) => writeOrRefuse([item])))).flat();
    }
  };

  const gathered = gatherCalls({
    call: writeOrRefuse,
    mostItems: MOST_ITEMS,
    paceMs: PACE_MS,
    mostAtOnce: MOST_AT_ONCE,
    tracing,
  });
  return async (item) => {
    const result = await gathered({ ...item, traceparent: tracing.traceparent() });
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  };
}

/**
 * An item breaks a constraint or is no valid data (SQLSTATE classes 23 and 22), or its idempotency key has a twin that
 * is just being written (55P03). A busy database refuses all alike.
 */
function isRefusedItem(error: unknown): boolean {
  return error instanceof RpcError && !error.unclear && /^(2[23]|55P03$)/.test(error.code);
}
