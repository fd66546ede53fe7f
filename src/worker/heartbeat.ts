import type { Logger } from '../shared/logger.ts';
import type { Store } from '../shared/store.ts';
import type { Claims } from './claims.ts';

/** Until the first answer tells the lease. */
const FIRST_INTERVAL_MS = 1_000;
const FIRST_BEAT_MS = 60_000;

export type Heartbeat = {
  /**
   * Beats once, which registers the worker, and then six times a lease. The first beat waits a minute for a database
   * that is away; then it rejects.
   */
  start(): Promise<void>;
  /** Beats at once, so that a changed number of slots is known. */
  beatNow(): Promise<void>;
  /** Beats no more, and resolves when no beat is under way: a late one would sign a removed worker on again. */
  stop(): Promise<void>;
  /**
   * Whether a call may start: the last acknowledged beat is younger than half a lease, by a monotonic clock. A worker
   * that cannot say that it lives may be taken for dead, and its image be paid for twice. When the last one is older, a
   * beat at once, shared by all who ask, finds out whether the worker is heard again.
   */
  mayCall(): Promise<boolean>;
  /** Milliseconds; what the database said last. */
  leaseMs(): number;
};

export function createHeartbeat(deps: {
  store: Pick<Store, 'beatWorker'>;
  claims: Claims;
  worker: { id: string; host: string };
  slots: () => number;
  log: Logger;
}): Heartbeat {
  let acknowledgedAt = Number.NEGATIVE_INFINITY;
  let leaseMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let lastBeat: Promise<void> = Promise.resolve();
  let asking: Promise<void> | null = null;
  const intervalMs = () => (leaseMs > 0 ? leaseMs / 6 : FIRST_INTERVAL_MS);

  /** One after another: of two that overlap neither would name a claim made since, and the row would be taken back. */
  const beat = (repeatForMs?: number): Promise<void> => {
    const next = lastBeat.then(() => beatOnce(repeatForMs));
    lastBeat = next.catch(() => undefined);
    return next;
  };

  const beatOnce = async (repeatForMs = 0): Promise<void> => {
    const sentAt = performance.now();
    const held = deps.claims.list();
    const answer = await deps.store.beatWorker(
      { ...deps.worker, concurrency: deps.slots(), held },
      { repeatForMs, timeoutMs: Math.max(intervalMs(), FIRST_INTERVAL_MS) },
    );
    acknowledgedAt = Math.max(acknowledgedAt, sentAt);
    leaseMs = answer.lease_ms;
    const confirmed = new Set(held.filter((claim) => claim.confirmed).map((claim) => claim.claimId));
    for (const { id, claim_id: claimId, reason } of answer.stop) {
      if (reason === 'lost' && !confirmed.has(claimId)) continue;
      deps.log.info({ image_id: id, reason }, 'claim.stopped');
      deps.claims.stop(claimId, reason);
    }
  };

  const isHeard = () => performance.now() - acknowledgedAt < leaseMs / 2;

  /** Repeats for a quarter of a lease, so that its answer, counted from when it was sent, is still young enough. */
  const askToBeHeard = (): Promise<void> => {
    asking ??= beat(leaseMs / 4)
      .catch((error: unknown) => deps.log.warn({ err: error }, 'beat.failed'))
      .finally(() => {
        asking = null;
      });
    return asking;
  };

  const schedule = () => {
    timer = setTimeout(async () => {
      await beat().catch((error: unknown) => deps.log.warn({ err: error }, 'beat.failed'));
      if (!stopped) schedule();
    }, intervalMs());
  };

  return {
    async start() {
      await beat(FIRST_BEAT_MS);
      schedule();
    },
    beatNow: () => beat(),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await lastBeat;
    },
    async mayCall() {
      if (!isHeard() && !stopped) await askToBeHeard();
      return isHeard();
    },
    leaseMs: () => leaseMs,
  };
}
