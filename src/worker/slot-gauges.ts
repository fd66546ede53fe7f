import { Gauge, type Registry } from 'prom-client';

/** How full this worker is; asked for when somebody looks. */
export function createSlotGauges(registry: Registry, worker: { slots(): number; busy(): number }): void {
  new Gauge({
    name: 'darkroom_worker_slots',
    help: 'Images that this worker can be at together; 0 while it drains.',
    registers: [registry],
    collect() {
      this.set(worker.slots());
    },
  });
  new Gauge({
    name: 'darkroom_worker_slots_busy',
    help: 'Images that this worker makes now; one that is stored and only reported takes no slot.',
    registers: [registry],
    collect() {
      this.set(worker.busy());
    },
  });
}
