import type { Response } from 'express';
import type { Generation } from '../shared/generation.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import { type ImageRecord, isActive, toRecord } from './record.ts';

const LONGEST_POLL_HINT_S = 30;

/** One record as the body. An unfinished one says when to ask again and is kept by no cache. */
export async function sendRecord(res: Response, row: Generation, readQueue: ReadQueue): Promise<void> {
  const [record] = await toRecords([row], readQueue);
  res.set('Cache-Control', 'no-store');
  if (isActive(row)) res.set('Retry-After', String(pollHintSeconds(record?.eta_seconds ?? null)));
  res.json(record);
}

/** Rows as records. The queue is looked at only for those that still stand in it. */
export async function toRecords(rows: Generation[], readQueue: ReadQueue): Promise<ImageRecord[]> {
  const queue = rows.some(isActive) ? await readQueue() : null;
  const now = new Date();
  return rows.map((row) => toRecord(row, queue, now));
}

/** A quarter of the wait, and not less than a second. */
function pollHintSeconds(etaSeconds: number | null): number {
  return Math.min(LONGEST_POLL_HINT_S, Math.max(1, Math.round((etaSeconds ?? 0) / 4)));
}
