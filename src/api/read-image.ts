import type { CallerScope } from '../shared/caller-scope.ts';
import { gatherCalls } from '../shared/gather-calls.ts';
import type { Generation } from '../shared/generation.ts';
import type { CallOptions } from '../shared/rpc.ts';
import type { Store } from '../shared/store.ts';
import type { Tracing } from '../shared/tracing.ts';

/** Of one call. */
const MOST_ITEMS = 100;
const PACE_MS = 5;
const MOST_AT_ONCE = 2;

type Ask = { id: string; scope: CallerScope };

/** An image as it is now, or null when this caller has none of that id. Nobody changes what it answers: it may be shared. */
export type ReadImage = (
  id: string,
  scope: CallerScope,
  options: CallOptions,
) => Promise<Readonly<Generation> | null>;

/**
 * Reads images, those of requests that come together in one call, and one that several ask for once. Each call begins
 * after all of its requests, so nobody is told what was before their own change.
 */
export function createReadImage({
  store,
  tracing,
}: {
  store: Pick<Store, 'getGenerations'>;
  tracing: Pick<Tracing, 'here' | 'onBehalfOf'>;
}): ReadImage {
  const gather = (repeatForMs: number) =>
    gatherCalls({
      call: async (asks: Ask[]) => {
        const distinct = new Map(asks.map((ask) => [keyOf(ask), ask]));
        const images = await store.getGenerations([...distinct.values()], { repeatForMs });
        const found = new Map([...distinct.keys()].map((key, index) => [key, images[index] ?? null]));
        return asks.map((ask) => found.get(keyOf(ask)) ?? null);
      },
      mostItems: MOST_ITEMS,
      paceMs: PACE_MS,
      mostAtOnce: MOST_AT_ONCE,
      tracing,
    });
  /** Who has less patience is not kept waiting by who has more. */
  const byPatience = new Map<number, ReturnType<typeof gather>>();

  return (id, scope, { repeatForMs }) => {
    const gathered = byPatience.get(repeatForMs) ?? gather(repeatForMs);
    byPatience.set(repeatForMs, gathered);
    return gathered({ id, scope });
  };
}

const keyOf = ({ id, scope }: Ask) => `${id} ${scope.admin ? 'admin' : scope.userId}`;
