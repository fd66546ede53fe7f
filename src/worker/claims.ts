import { v4 as uuid } from 'uuid';
import type { Claim } from '../shared/attempt-store.ts';

/** Why work on a claim is to stop before it is done. */
export type StopReason = 'lost' | 'cancel_requested' | 'shutdown';

export type HeldClaim = Claim & {
  /** Aborts with a StopReason. */
  signal: AbortSignal;
  /** The database has said that the row is ours. Before that, a beat may call the claim lost that is on its way. */
  confirm(): void;
  letGo(): void;
};

export type ClaimSnapshot = Claim & { confirmed: boolean };

/** What this worker process holds or is just claiming: what its beats name, and what can be stopped from outside. */
export function createClaims() {
  const held = new Map<string, ClaimSnapshot & { controller: AbortController }>();

  return {
    hold(id: string): HeldClaim {
      const claimId = uuid();
      const entry = { id, claimId, confirmed: false, controller: new AbortController() };
      held.set(claimId, entry);
      return {
        id,
        claimId,
        signal: entry.controller.signal,
        confirm: () => {
          entry.confirmed = true;
        },
        letGo: () => {
          held.delete(claimId);
        },
      };
    },
    list: (): ClaimSnapshot[] =>
      [...held.values()].map(({ id, claimId, confirmed }) => ({ id, claimId, confirmed })),
    stop(claimId: string, reason: StopReason): void {
      held.get(claimId)?.controller.abort(reason);
    },
    stopImage(id: string, reason: StopReason): void {
      for (const claim of held.values()) if (claim.id === id) claim.controller.abort(reason);
    },
    stopAll(reason: StopReason): void {
      for (const { controller } of held.values()) controller.abort(reason);
    },
  };
}

export type Claims = ReturnType<typeof createClaims>;
