import type { ImageSettings } from './image-fields.ts';

/** What a form holds that was not sent yet. */
export type Draft = { read(): ImageSettings | null; keep(settings: ImageSettings): void };

/**
 * Keeps what was typed while the page stays open: over a change of the view, and until somebody whose token has ended signs
 * in again. It is in memory only, and of one person: whoever else comes begins with nothing, and nothing is left.
 */
export function createDrafts(): { of(token: string | null): Draft; forget(): void } {
  let kept: { person: string | null; settings: ImageSettings } | null = null;
  return {
    of(token) {
      const person = token === null ? null : personOf(token);
      if (kept?.person !== person) kept = null;
      return {
        read: () => kept?.settings ?? null,
        keep(settings) {
          kept = { person, settings };
        },
      };
    },
    forget() {
      kept = null;
    },
  };
}

/** Whose token it is, as one that the API has accepted says itself; an API key is only like itself. */
function personOf(token: string): string {
  try {
    const claims = token.split('.')[1] ?? '';
    const { iss, sub } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')));
    return typeof sub === 'string' ? JSON.stringify([iss, sub]) : token;
  } catch {
    // It is no JWT.
    return token;
  }
}
