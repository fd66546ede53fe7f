import type { JobQueue } from './queue.ts';
import { shareReads } from './shared-read.ts';
import type { Storage } from './storage.ts';
import type { Store } from './store.ts';

export const DEPENDENCIES = ['database', 'redis', 'storage'] as const;
export type Dependency = (typeof DEPENDENCIES)[number];
export const DEPENDENCY_STATES = ['up', 'down'] as const;
export type DependencyStates = Record<Dependency, (typeof DEPENDENCY_STATES)[number]>;

/** Whoever asks more often gets the same answer: probes, scrapes and strangers share one look. */
const KNOWN_FOR_MS = 1_000;
const PATIENCE_MS = 2_000;

/** How each dependency is, at most a second ago; never rejects, and takes two seconds at most. */
export type CheckDependencies = () => Promise<DependencyStates>;

/**
 * `neededFunctions`: SQL functions that a database before its last migrations lacks; without them it is not up for this
 * process. Storage is up when it answers and has the bucket of the images.
 */
export function createCheckDependencies(deps: {
  store: Pick<Store, 'listMissingFunctions'>;
  queue: Pick<JobQueue, 'ping'>;
  storage: Pick<Storage, 'ping'>;
  neededFunctions: string[];
}): CheckDependencies {
  const checkDatabase = async (): Promise<void> => {
    const options = { repeatForMs: 0, timeoutMs: PATIENCE_MS };
    const missing = await deps.store.listMissingFunctions(deps.neededFunctions, options);
    if (missing.length > 0) throw new Error(`the database lacks ${missing.join(', ')}`);
  };

  return shareReads(KNOWN_FOR_MS, async () => {
    const [database, redis, storage] = await Promise.all([
      stateOf(checkDatabase()),
      stateOf(deps.queue.ping()),
      stateOf(deps.storage.ping({ timeoutMs: PATIENCE_MS })),
    ]);
    return { database, redis, storage };
  });
}

/** Why it is down is told once in the log by whoever needs it; a probe only says that it is. */
const stateOf = (check: Promise<unknown>): Promise<DependencyStates[Dependency]> =>
  check.then(
    () => 'up',
    () => 'down',
  );
