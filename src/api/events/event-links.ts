import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { ChangedKind } from '../../shared/change-streams.ts';

export const EVENTS_PATH = '/ai/events';

/** A token holds for ten minutes at least, and stays the same for five, so that a record read twice is the same. */
const WINDOW_S = 300;
const WINDOWS = 3;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 24;

/** The address of the events of one image or batch, for whoever cannot send a token along, as a browser's EventSource. */
export type LinkEvents = (kind: ChangedKind, id: string) => string;

export type EventLinks = {
  /** `laneKey`: of the caller who gets the link, among whose streams one that is opened by it counts. */
  of(caller: { laneKey: string }): LinkEvents;
  /** The lane of the caller that it was made for; null when it is not good for this image or batch, or no longer. */
  verify(token: string, kind: ChangedKind, id: string): string | null;
};

/**
 * Tokens for `GET /ai/events` of one image or batch and nothing else, which anybody can check who has the secret: nothing
 * is stored. Who has one can see what who it was made for could see.
 *
 * @param now milliseconds
 */
export function createEventLinks(secret: string, now: () => number = Date.now): EventLinks {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'darkroom event tokens', KEY_BYTES));
  const createToken = (kind: ChangedKind, id: string, laneKey: string, expires: string): string => {
    const signed = createHmac('sha256', key)
      .update(JSON.stringify([kind, id, laneKey, expires]))
      .digest();
    const signature = signed.subarray(0, SIGNATURE_BYTES).toString('base64url');
    return `${expires}.${Buffer.from(laneKey).toString('base64url')}.${signature}`;
  };

  return {
    of:
      ({ laneKey }) =>
      (kind, id) => {
        const window = Math.floor(now() / 1_000 / WINDOW_S);
        const expires = ((window + WINDOWS) * WINDOW_S).toString(36);
        return `${EVENTS_PATH}?${kind}_id=${id}&token=${createToken(kind, id, laneKey, expires)}`;
      },
    verify(token, kind, id) {
      const [expires = '', lane = ''] = token.split('.');
      const laneKey = Buffer.from(lane, 'base64url').toString();
      // As text: the same bytes can be written in more than one way.
      const [given, wanted] = [token, createToken(kind, id, laneKey, expires)].map((text) =>
        Buffer.from(text),
      );
      if (!given || !wanted || given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
      return Number.parseInt(expires, 36) * 1_000 > now() ? laneKey : null;
    },
  };
}
