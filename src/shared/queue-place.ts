import { z } from 'zod';
import { pausesSchema } from './admin-store.ts';
import type { Generation } from './generation.ts';
import { holdOf } from './queue-hold.ts';

/** What get_queue_snapshot answers; `lanes` are pairs of (rows waiting, number of lanes with so many). */
export const queueSnapshotSchema = z.object({
  workers: z.int(),
  slots: z.int(),
  slots_per_caller: z.int().nullable(),
  released: z.int(),
  processing: z.int(),
  lanes: z.array(z.tuple([z.int(), z.int()])),
  durations: z.array(z.object({ model: z.string(), resolution: z.string().nullable(), seconds: z.number() })),
  waits: z.object({
    images: z.int(),
    p50_seconds: z.number().nullable(),
    p95_seconds: z.number().nullable(),
    p99_seconds: z.number().nullable(),
  }),
  pauses: pausesSchema,
});
export type QueueSnapshot = z.infer<typeof queueSnapshotSchema>;

export type Place = { queue_position: number | null; eta_seconds: number | null };
type Placed = Pick<
  Generation,
  'status' | 'lane_place' | 'released_place' | 'model' | 'resolution' | 'started_at'
>;

/**
 * Where an image stands. The position follows from the fair order: everything released, and of each lane as many rows
 * as stand before it in its own. Null for an image that is not waiting, or too far back to say.
 */
export function placeOf(row: Placed, queue: QueueSnapshot | null, now: Date): Place {
  if (!queue) return { queue_position: null, eta_seconds: null };
  const position = row.status === 'pending' ? positionOf(row, queue) : null;
  return { queue_position: position, eta_seconds: etaSeconds(row, position, queue, now) };
}

/** Where an image would stand that a caller with so many waiting submits now, which the snapshot does not count. */
export function placeOfNext(
  waiting: number,
  kind: Pick<Placed, 'model' | 'resolution'>,
  queue: QueueSnapshot | null,
  now: Date,
): Place {
  const row = {
    ...kind,
    status: 'pending',
    lane_place: waiting + 1,
    released_place: null,
    started_at: null,
  } as const;
  return placeOf(row, queue && { ...queue, lanes: [...queue.lanes, [1, 1]] }, now);
}

function positionOf(row: Placed, queue: QueueSnapshot): number | null {
  const { lane_place: lanePlace, released_place: releasedPlace } = row;
  if (releasedPlace !== null || lanePlace === null) return releasedPlace;
  const fair = queue.lanes.reduce((sum, [waiting, lanes]) => sum + Math.min(waiting, lanePlace) * lanes, 0);
  // A snapshot that is older than the row does not count the row itself.
  return Math.max(fair, lanePlace) + queue.released;
}

/**
 * Seconds until the image is ready, by how long its kind took lately; null while no worker lives, none was made, or nobody
 * knows how long a pause lasts.
 */
function etaSeconds(row: Placed, position: number | null, queue: QueueSnapshot, now: Date): number | null {
  const seconds = durationOf(row, queue);
  if (seconds === null || queue.slots === 0) return null;
  if (row.status === 'processing' && row.started_at) {
    const elapsed = (now.getTime() - Date.parse(row.started_at)) / 1000;
    return Math.max(1, Math.ceil(seconds - elapsed));
  }
  if (row.status !== 'pending' || position === null) return null;
  const hold = holdOf(row.model, queue.pauses, now);
  if (hold?.seconds === null) return null;
  // Those in work are half done on average; after them the slots take the others in rounds.
  const before = position - 1 + queue.processing / 2;
  const rounds = Math.max(0, before / queue.slots - 0.5, ownRounds(row, queue));
  return Math.max(1, Math.ceil((hold?.seconds ?? 0) + seconds + rounds * seconds));
}

/** How often a caller's slots have to become free first, where there is a limit of them: they are all in use then. */
function ownRounds({ lane_place: lanePlace }: Placed, { slots_per_caller: most }: QueueSnapshot): number {
  return lanePlace === null || most === null ? 0 : (lanePlace - 1) / most;
}

/** How many seconds an image of that kind, or else of that model, takes; null while none was made. */
function durationOf(
  kind: { model?: string | null | undefined; resolution?: string | null | undefined },
  queue: QueueSnapshot,
): number | null {
  const ofModel = queue.durations.filter(({ model }) => model === kind.model);
  const exact = ofModel.find(({ resolution }) => resolution === kind.resolution);
  return (exact ?? ofModel[0])?.seconds ?? null;
}
