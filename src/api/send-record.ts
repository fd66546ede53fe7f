import type { Response } from 'express';
import type { Generation } from '../shared/generation.ts';
import { placeOf } from '../shared/queue-place.ts';
import { etagOf } from './etag.ts';
import type { LinkEvents } from './events/event-links.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import { isActive, toRecord } from './record.ts';
import type { ImageRecord } from './record-schema.ts';

const LONGEST_POLL_HINT_S = 30;

/** One record as the body. An unfinished one says when to ask again and is kept by no cache. */
export async function sendRecord(
  res: Response,
  row: Generation,
  readQueue: ReadQueue,
  link: LinkEvents,
): Promise<void> {
  const [record] = await toRecords([row], readQueue, link);
  describe(res, row, record?.eta_seconds ?? null);
  res.json(record);
}

/** 304: the client has the record as it is, but for its place in the queue, which still says when to ask again. */
export async function sendNotModified(res: Response, row: Generation, readQueue: ReadQueue): Promise<void> {
  describe(res, row, await etaOf(row, readQueue));
  res.status(304).end();
}

function describe(res: Response, row: Generation, etaSeconds: number | null): void {
  res.set('ETag', etagOf(row)).set('Cache-Control', isActive(row) ? 'no-store' : 'private, no-cache');
  if (isActive(row)) res.set('Retry-After', String(pollHintSeconds(etaSeconds)));
}

/** Seconds after which it is worth asking again for an unfinished image. */
export async function pollHintOf(row: Generation, readQueue: ReadQueue): Promise<number> {
  return pollHintSeconds(await etaOf(row, readQueue));
}

async function etaOf(row: Generation, readQueue: ReadQueue): Promise<number | null> {
  return placeOf(row, isActive(row) ? await readQueue() : null, new Date()).eta_seconds;
}

/** Rows as records. The queue is looked at only for those that still stand in it. */
export async function toRecords(
  rows: Generation[],
  readQueue: ReadQueue,
  link: LinkEvents,
): Promise<ImageRecord[]> {
  const queue = rows.some(isActive) ? await readQueue() : null;
  const now = new Date();
  return rows.map((row) => toRecord(row, queue, now, link));
}

/** A quarter of the wait, and not less than a second. */
function pollHintSeconds(etaSeconds: number | null): number {
  return Math.min(LONGEST_POLL_HINT_S, Math.max(1, Math.round((etaSeconds ?? 0) / 4)));
}
