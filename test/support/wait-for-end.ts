import { setTimeout as delay } from 'node:timers/promises';

const ENDED = new Set(['succeeded', 'failed', 'canceled', 'expired']);

export type RecordBody = Record<string, unknown> & { id: string; status: string };

/** Polls an image, as a client does, until it has ended. */
export async function waitForEnd(apiUrl: string, id: string, token?: string): Promise<RecordBody> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const answer = await fetch(`${apiUrl}/ai/generated-images/${id}`, {
      headers: token ? { authorization: `Bearer ${token}` } : {},
    });
    const record = (await answer.json()) as RecordBody;
    if (ENDED.has(record.status)) return record;
    if (performance.now() > deadline) throw new Error(`${id} has not ended: ${JSON.stringify(record)}`);
    await delay(20);
  }
}
