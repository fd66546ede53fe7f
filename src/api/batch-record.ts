import type { Batch } from '../shared/batch-store.ts';
import { durationOf, type QueueSnapshot } from '../shared/queue-place.ts';
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

/** As if the slots made nothing but this batch: what others ask for meanwhile is not known. */
function etaSeconds(batch: Batch, queue: QueueSnapshot | null): number | null {
  const left = batch.counts.pending + batch.counts.processing;
  if (!queue || queue.slots === 0 || left === 0 || batch.canceled_at !== null) return null;
  const seconds = durationOf(batch.next ?? {}, queue);
  const slots = Math.min(queue.slots, queue.slots_per_caller ?? queue.slots);
  return seconds === null ? null : Math.max(1, Math.ceil(Math.ceil(left / slots) * seconds));
}
