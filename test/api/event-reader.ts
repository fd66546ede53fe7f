import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { EVENT_DATA } from '../../src/api/events/events-schema.ts';
import type { Json } from './api-client.ts';

export type ReadEvent = { event: string; id: string | null; data: Json };
export type EventReader = {
  status: number;
  headers: Headers;
  /** Of a refusal. */
  body: Json;
  events: ReadEvent[];
  /** All that came, as it came. */
  text(): string;
  /** Until all that came, as it came, is so. */
  until(isIt: (text: string) => boolean): Promise<void>;
  /** The first event that is so, from the beginning on, as soon as it has come. */
  find(isIt: (event: ReadEvent) => boolean): Promise<ReadEvent>;
  image(id: string, status?: string): Promise<Json>;
  /** Of the last event that had one. */
  lastId(): string;
  ended: Promise<void>;
  close(): void;
};

export const EVENTS = '/ai/events';
const GIVE_UP_MS = 15_000;
const open = new Set<EventReader>();

/** Reads a stream of events byte by byte as a client may; `path` is what is behind the API's address. */
export async function readEvents(
  url: string,
  path = EVENTS,
  headers: Record<string, string> = {},
): Promise<EventReader> {
  const gone = new AbortController();
  const response = await fetch(url + path, { headers, signal: gone.signal });
  const events: ReadEvent[] = [];
  let text = '';
  let id: string | null = null;
  let heard = Promise.withResolvers<void>();

  const take = (block: string): void => {
    const fields = block
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
    const of = (name: string) => fields.find(([field]) => field === name)?.[1];
    id = of('id') ?? id;
    const data = of('data');
    if (data === undefined) return;
    const event = of('event') ?? 'message';
    const parsed = EVENT_DATA[event]?.safeParse(JSON.parse(data));
    assert.ok(parsed?.success, `${event}: ${parsed?.error && z.prettifyError(parsed.error)}`);
    events.push({ event: event, id: of('id') ?? null, data: JSON.parse(data) });
  };
  const readAll = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const bytes of response.body ?? []) {
      const piece = decoder.decode(bytes, { stream: true });
      text += piece;
      const blocks = (rest + piece).split('\n\n');
      rest = blocks.pop() ?? '';
      blocks.forEach(take);
      heard.resolve();
      heard = Promise.withResolvers();
    }
  };
  const isStream = response.status === 200;
  const ended = isStream ? readAll().catch(() => undefined) : Promise.resolve();

  const wait = async <T>(look: () => T | undefined): Promise<T> => {
    const giveUp = AbortSignal.timeout(GIVE_UP_MS);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      assert.ok(!giveUp.aborted, `it did not come; ${JSON.stringify(events.map(({ event }) => event))} did`);
      await Promise.race([heard.promise, delay(1_000, undefined, { signal: giveUp }).catch(() => undefined)]);
    }
  };
  const find: EventReader['find'] = (isIt) => wait(() => events.find(isIt));
  const reader: EventReader = {
    status: response.status,
    headers: response.headers,
    body: isStream ? null : await response.json(),
    events,
    text: () => text,
    until: (isIt) => wait(() => (isIt(text) ? null : undefined)).then(() => undefined),
    find,
    image: async (imageId, status) => {
      const isIt = ({ event, data }: ReadEvent) =>
        event === 'image.updated' && data.image.id === imageId && (!status || data.image.status === status);
      return (await find(isIt)).data.image;
    },
    lastId: () => id ?? '',
    ended,
    close: () => gone.abort(),
  };
  open.add(reader);
  return reader;
}

/** For `afterEach`: a caller has five streams at most. */
export function closeReaders(): void {
  for (const reader of open) reader.close();
  open.clear();
}

export async function whileStreamsAreFull(
  url: string,
  token: string,
  act: () => Promise<unknown>,
): Promise<void> {
  await openStreams(url, token);
  await act();
  closeReaders();
}

/** As many as a caller may have. */
export async function openStreams(url: string, token: string): Promise<EventReader[]> {
  const readers = [];
  for (let n = 0; n < 5; n++)
    readers.push(await readEvents(url, EVENTS, { authorization: `Bearer ${token}` }));
  return readers;
}
