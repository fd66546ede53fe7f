import type { Batch } from '../../shared/batch-store.ts';
import type { Generation } from '../../shared/generation.ts';
import type { QueueSnapshot } from '../../shared/queue-place.ts';
import { toBatchRecord } from '../batch-record.ts';
import { toRecord } from '../record.ts';
import type { LinkEvents } from './event-links.ts';
import type { EventNews, EventStream } from './event-stream.ts';

/** A stream, and the links that its caller gets with the records. */
export type NewsFor = EventStream & { link: LinkEvents };

export function imageNews(
  row: Generation,
  {
    queue,
    now,
    position,
    link,
  }: { queue: QueueSnapshot | null; now: Date; position: string | null; link: LinkEvents },
): EventNews {
  const { id, batch_id: batchId, status_sequence } = row;
  const isDeleted = row.deleted_at !== null;
  return {
    about: id,
    imageId: id,
    batchId,
    version: status_sequence,
    event: isDeleted ? 'image.deleted' : 'image.updated',
    position,
    data: () => ({ image: isDeleted ? { id, status_sequence } : toRecord(row, queue, now, link) }),
  };
}

/** A batch has no sequence: a state differs by its counts and by when it was canceled or ended. */
export function batchNews(
  batch: Batch,
  { queue, link }: { queue: QueueSnapshot | null; link: LinkEvents },
): EventNews {
  return {
    about: batch.id,
    imageId: null,
    batchId: batch.id,
    version: JSON.stringify([batch.counts, batch.canceled_at, batch.ended_at]),
    event: 'batch.updated',
    position: null,
    data: () => ({ batch: toBatchRecord(batch, queue, link) }),
  };
}
