import { DarkroomError } from '../client/darkroom-error.ts';
import { randomKey } from './random-key.ts';

/**
 * Sends what a form holds so that sending it again never makes a second image: as long as nobody knows how it went, the
 * same content goes with the same Idempotency-Key. Once it is accepted or refused, the next one is another.
 */
export function createSubmitOnce<Content, Result>(
  send: (content: Content, options: { idempotencyKey: string }) => Promise<Result>,
): (content: Content) => Promise<Result> {
  let unclear: { content: string; key: string } | null = null;
  return async (content) => {
    const text = JSON.stringify(content);
    const key = unclear?.content === text ? unclear.key : randomKey();
    unclear = { content: text, key };
    try {
      const result = await send(content, { idempotencyKey: key });
      unclear = null;
      return result;
    } catch (error) {
      if (error instanceof DarkroomError && error.status < 500 && error.status !== 409) unclear = null;
      throw error;
    }
  };
}
