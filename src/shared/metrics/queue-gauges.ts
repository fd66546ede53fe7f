import { Gauge, type Registry } from 'prom-client';
import type { Models } from '../models.ts';
import type { QueueGauges } from '../queue-gauges.ts';
import { OTHER } from './registry.ts';

/**
 * Gauges of the queue as a whole: every process tells the same of them, so a query takes their max. `show(null)` takes them
 * away: what cannot be read now is absent, not what it was.
 */
export function createQueueGauges(
  registry: Registry,
  models: Models,
): { show(queue: QueueGauges | null): void } {
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const images = new Gauge({
    name: 'darkroom_images',
    help: 'Images under way, by status. Those that ended are counted by the attempts that ended them.',
    labelNames: ['status'],
    registers,
  });
  const single: [Gauge, (queue: QueueGauges) => number | null][] = [
    [gauge('darkroom_images_released', 'Pending images that are in Redis.'), (queue) => queue.released],
    [
      gauge(
        'darkroom_images_delayed',
        'Pending images that were given back and wait for their time; 10000 is "or more".',
      ),
      (queue) => queue.delayed,
    ],
    [
      gauge('darkroom_oldest_pending_age_seconds', 'Since the oldest pending image was submitted.'),
      (queue) => queue.oldest_pending_seconds ?? 0,
    ],
    [
      gauge('darkroom_oldest_released_age_seconds', 'Since the longest waiting job was put into Redis.'),
      (queue) => queue.oldest_released_seconds ?? 0,
    ],
    [gauge('darkroom_workers', 'Workers that live and do not drain.'), (queue) => queue.workers],
    [gauge('darkroom_slots', 'Images that those workers can be at together.'), (queue) => queue.slots],
    [gauge('darkroom_slots_busy', 'Images that workers are at.'), (queue) => queue.processing],
    [
      gauge(
        'darkroom_storage_cleanup_due',
        'Places in Storage that are due to be looked over; 10000 is "or more".',
      ),
      (queue) => queue.cleanup_due,
    ],
    [
      gauge('darkroom_storage_cleanup_overdue_seconds', 'For how long the longest of them has been due.'),
      (queue) => queue.cleanup_overdue_seconds ?? 0,
    ],
  ];
  const pauses = new Gauge({
    name: 'darkroom_pause_remaining_seconds',
    help: 'Holds of calls that are in force, by scope; 0 while one image at a time finds out whether it is over.',
    labelNames: ['scope'],
    registers,
  });
  // Nothing has been read yet.
  for (const [one] of single) one.remove();

  return {
    show(queue) {
      images.reset();
      pauses.reset();
      for (const [one, read] of single) {
        const value = queue && read(queue);
        if (value === null) one.remove();
        else one.set(value);
      }
      if (!queue) return;
      images.set({ status: 'pending' }, queue.waiting + queue.delayed + queue.released);
      images.set({ status: 'processing' }, queue.processing);
      for (const { scope, seconds } of queue.pauses)
        pauses.set({ scope: scopeLabel(scope, models) }, seconds);
    },
  };
}

/** 'project', 'operator', or 'model:' and one of the configured models. */
function scopeLabel(scope: string, models: Models): string {
  if (scope === 'project' || scope === 'operator') return scope;
  const model = scope.replace(/^model:/, '');
  return models.byId.has(model) ? scope : `model:${OTHER}`;
}
