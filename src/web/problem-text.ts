import { DarkroomError } from '../client/darkroom-error.ts';

/** What to do about a refusal, by its code. The rest is in its own words. */
const ADVICE: Record<string, string> = {
  unauthorized: 'Sign in with a token or an API key that is valid.',
  forbidden: 'This account may not do that.',
  not_found: 'It is not there, or not yours.',
  queue_full: 'Wait until some of your images are made, or cancel some.',
  too_many_streams: 'Close other windows of this page.',
  idempotency_in_progress: 'The same request is still being accepted: try again in a moment.',
  temporarily_unavailable: 'Try again: nothing is made twice.',
  payload_too_large: 'Make it smaller.',
  internal: 'Try again; if it stays so, tell whoever runs this Darkroom the request id.',
};

/** It was there and is deleted. */
export const isGone = (error: unknown): boolean => error instanceof DarkroomError && error.code === 'gone';

/** Nobody was there to answer; it says nothing of what was asked. */
export const isOutage = (error: unknown): boolean =>
  error instanceof TypeError || (error instanceof DarkroomError && error.status >= 500);

/** One sentence or two for a person: what is wrong, its code, and what to do. */
export function problemText(error: unknown): string {
  if (!(error instanceof DarkroomError)) {
    const isCut = error instanceof TypeError;
    return isCut
      ? 'Darkroom cannot be reached. Check the connection and try again.'
      : `The page failed: ${error}`;
  }
  return [
    withStop(error.message),
    adviceOf(error),
    `(${[error.code, error.requestId].filter(Boolean).join(', ')})`,
  ]
    .filter(Boolean)
    .join(' ');
}

function adviceOf({ code, retryAfterSeconds, status }: DarkroomError): string {
  if (status === 429 && retryAfterSeconds !== null) return `Try again in ${retryAfterSeconds} s.`;
  return ADVICE[code] ?? '';
}

const withStop = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** What each bad field is told, by its name: `/prompt` is `prompt`. */
export function fieldProblems(error: unknown): Map<string, string> {
  if (!(error instanceof DarkroomError)) return new Map();
  return new Map(error.errors.map(({ pointer, detail }) => [pointer.split('/')[1] ?? pointer, detail]));
}
