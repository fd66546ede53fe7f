import type { Batch } from '../shared/batch-store.ts';
import { placeOf, type QueueSnapshot } from '../shared/queue-place.ts';
import type { BatchRecord } from './batch-schemas.ts';
import type { LinkEvents } from './events/event-links.ts';
import { IMAGES_PATH, toRfc3339 } from './record.ts';

export const BATCHES_PATH = '/ai/batches';

export function toBatchRecord(batch: Batch, queue: QueueSnapshot | null, link: LinkEvents): BatchRecord {
  const { cost_usd, ...counts } = batch.counts;
  return {
    id: batch.id,
    name: batch.name,
    status: statusOf(batch),
    counts: { total: batch.total, ...counts },
    estimated_cost_usd: batch.estimated_cost_usd,
    cost_usd,
    eta_seconds: etaSeconds(batch, queue),
    metadata: batch.metadata,
    parent_id: batch.parent_id,
    created_at: toRfc3339(batch.created_at),
    completed_at: toRfc3339(batch.ended_at),
    canceled_at: toRfc3339(batch.canceled_at),
    links: {
      self: `${BATCHES_PATH}/${batch.id}`,
      items: `${IMAGES_PATH}?batch_id=${batch.id}`,
      cancel: `${BATCHES_PATH}/${batch.id}/cancel`,
      retry: `${BATCHES_PATH}/${batch.id}/retry`,
      events: link('batch', batch.id),
    },
  };
}

/** Whether some of its images have not ended. */
export const isOpen = ({ counts }: Batch) => counts.pending + counts.processing > 0;

function statusOf(batch: Batch): BatchRecord['status'] {
  if (batch.canceled_at !== null) return 'canceled';
  if (!isOpen(batch)) return 'completed';
  return batch.counts.pending === batch.total ? 'pending' : 'processing';
}

/** That of its last image: those of its caller that wait in front of it, and others' turns, come first. */
function etaSeconds({ next, counts, canceled_at }: Batch, queue: QueueSnapshot | null): number | null {
  if (!queue || !next || canceled_at !== null) return null;
  const waiting = counts.pending - next.released;
  const last = {
    ...next,
    status: 'pending',
    lane_place: waiting > 0 ? next.ahead + waiting : null,
    released_place: waiting > 0 ? null : Math.max(1, Math.min(queue.released, counts.pending)),
    started_at: null,
  } as const;
  return placeOf(last, queue, new Date()).eta_seconds;
}
