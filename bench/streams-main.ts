/**
 * Whoever listens, in a process of their own: opens the streams of the listeners that the first line of stdin names, says
 * `opened`, waits for another line, cancels an image of each in turn, and says how long answers and events took.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** Somebody with an image that waits, to be canceled. */
export type Listener = { token: string; imageId: string };
export type StreamTimes = { answers: number[]; events: number[]; missing: number };

const { API_URL = '', STREAMS_OF_EACH = '5', CHANGES_A_SECOND = '20' } = process.env;
const lines = createInterface(process.stdin)[Symbol.asyncIterator]();
const listeners = JSON.parse((await lines.next()).value ?? '[]') as Listener[];
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
/** When the image was told as canceled, once for each stream of its user. */
const told = new Map<string, number[]>();

async function openStream(token: string): Promise<void> {
  const sent = request(`${API_URL}/ai/events`, {
    agent,
    headers: { authorization: `Bearer ${token}` },
  }).end();
  const [answer] = await once(sent, 'response');
  if (answer.statusCode !== 200) throw new Error(`A stream was answered with ${answer.statusCode}.`);
  let rest = '';
  answer.setEncoding('utf8').on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const id = /"id":"([^"]+)"/.exec(block)?.[1];
      if (id && block.includes('"status":"canceled"')) told.get(id)?.push(performance.now());
    }
  });
}

/** Milliseconds until the answer. */
async function cancel(token: string, id: string): Promise<number> {
  const from = performance.now();
  const headers = { authorization: `Bearer ${token}` };
  const sent = request(`${API_URL}/ai/generated-images/${id}/cancel`, {
    agent,
    method: 'POST',
    headers,
  }).end();
  const [answer] = await once(sent, 'response');
  await once(answer.resume(), 'end');
  if (answer.statusCode !== 200) throw new Error(`A cancel was answered with ${answer.statusCode}.`);
  return performance.now() - from;
}

for (const { token } of listeners) {
  await Promise.all(Array.from({ length: Number(STREAMS_OF_EACH) }, () => openStream(token)));
}
process.stdout.write('opened\n');
await lines.next();

const times: StreamTimes = { answers: [], events: [], missing: 0 };
const asked: Promise<void>[] = [];
for (const { token, imageId } of listeners) {
  const from = performance.now();
  const heard: number[] = [];
  told.set(imageId, heard);
  asked.push(
    cancel(token, imageId).then(async (ms) => {
      times.answers.push(ms);
      const giveUpAt = performance.now() + 10_000;
      while (heard.length < Number(STREAMS_OF_EACH) && performance.now() < giveUpAt) await delay(20);
      times.events.push(...heard.map((at) => at - from));
      times.missing += Number(STREAMS_OF_EACH) - heard.length;
    }),
  );
  await delay(1_000 / Number(CHANGES_A_SECOND));
}
await Promise.all(asked);
process.stdout.write(`${JSON.stringify(times)}\n`);
process.exit(0);
