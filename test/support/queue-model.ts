import { randomUUID } from 'node:crypto';
import type { QueueSnapshot } from '../../src/shared/queue-place.ts';
import type { SimulatedQueue } from './queue-simulation.ts';

/** `ids` wait, first in first; `served`: when it was served last, in any unit. */
export type WaitingLane = { lane_key: string; served: number; out: number; ids: string[] };

/** What should go out: fewest out, then least recently served, each lane first in, first out. */
export function fairOrder(lanes: WaitingLane[], room: number): string[] {
  const most = Math.max(0, room);
  return lanes
    .flatMap((lane) =>
      lane.ids.slice(0, most).map((id, index) => ({ id, turn: lane.out + index, served: lane.served })),
    )
    .sort((a, b) => a.turn - b.turn || a.served - b.served || (a.id < b.id ? -1 : 1))
    .slice(0, most)
    .map((row) => row.id);
}

/** The queue in memory, by the order that the tests of release_generations hold that to. */
export function createQueueModel(slots: number, { perCaller = Infinity } = {}) {
  const lanes = new Map<string, WaitingLane>();
  const laneOf = new Map<string, WaitingLane>();
  const released: string[] = [];
  let processing = 0;
  let clock = 0;

  const queue: SimulatedQueue = {
    async submit(laneKey, count) {
      const lane = lanes.get(laneKey) ?? { lane_key: laneKey, served: clock, out: 0, ids: [] };
      lanes.set(laneKey, lane);
      const ids = Array.from({ length: count }, () => randomUUID());
      for (const id of ids) laneOf.set(id, lane);
      lane.ids.push(...ids);
      return ids;
    },
    async release() {
      clock += 1;
      const room = slots + Math.max(4, Math.floor(slots / 8)) - released.length - processing;
      const open = [...lanes.values()].map((lane) => ({
        ...lane,
        ids: lane.ids.slice(0, Math.max(0, Math.min(room, perCaller - lane.out))),
      }));
      const ids = fairOrder(open, room);
      for (const id of ids) {
        const lane = laneOf.get(id) as WaitingLane;
        lane.ids.shift();
        lane.out += 1;
        lane.served = clock;
      }
      released.push(...ids);
      return ids;
    },
    async start(id) {
      released.splice(released.indexOf(id), 1);
      processing += 1;
    },
    async finish(id) {
      processing -= 1;
      (laneOf.get(id) as WaitingLane).out -= 1;
    },
  };

  return {
    ...queue,
    /** Where a row that has not begun stands, as the database tells it. */
    stand(id: string): { lane_place: number | null; released_place: number | null } {
      const place = (ids: string[] = []) => (ids.includes(id) ? ids.indexOf(id) + 1 : null);
      return { lane_place: place(laneOf.get(id)?.ids.slice(0, 1000)), released_place: place(released) };
    },
    snapshot: (durations: QueueSnapshot['durations']): QueueSnapshot => ({
      workers: 1,
      slots,
      slots_per_caller: Number.isFinite(perCaller) ? perCaller : null,
      released: released.length,
      processing,
      lanes: [...lanes.values()].filter(({ ids }) => ids.length > 0).map(({ ids }) => [ids.length, 1]),
      durations,
      waits: { images: 0, p50_seconds: null, p95_seconds: null, p99_seconds: null },
      pauses: [],
    }),
  };
}
