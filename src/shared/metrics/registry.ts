import { collectDefaultMetrics, Registry } from 'prom-client';

export type { Registry } from 'prom-client';

/**
 * The metrics of one process, with Node's own among them (event loop, memory, garbage collection). Every process makes one
 * where it is put together, and so does every API and worker in a test: there is no global one.
 */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Label values for what there is none of, and for what is none of the known ones: no label may grow with its input. */
export const NONE = 'none';
export const OTHER = 'other';
