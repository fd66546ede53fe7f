import { Gauge, type Registry } from 'prom-client';
import type { Slots } from './slots.ts';

/** How full this worker is; asked for when somebody looks. */
export function createSlotGauges(registry: Registry, slots: Pick<Slots, 'count' | 'busy'>): void {
  new Gauge({
    name: 'darkroom_worker_slots',
    help: 'Images that this worker can be at together; 0 while it drains.',
    registers: [registry],
    collect() {
      this.set(slots.count());
    },
  });
  new Gauge({
    name: 'darkroom_worker_slots_busy',
    help: 'Images that this worker makes now; one that waits to be made, or is only reported, takes no slot.',
    registers: [registry],
    collect() {
      this.set(slots.busy());
    },
  });
}
