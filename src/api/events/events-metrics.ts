import { Counter, Gauge, type Registry } from 'prom-client';

/** Why a stream was cut off: its client did not take what was sent, or fell too far behind. */
export type CutReason = 'stalled' | 'behind';

export type EventsMetrics = {
  onOpen(): void;
  onClose(): void;
  onCut(reason: CutReason): void;
  onSent(event: string): void;
};

export function createEventsMetrics(registry: Registry): EventsMetrics {
  const registers = [registry];
  const open = new Gauge({
    name: 'darkroom_event_streams',
    help: 'Streams of events that are open.',
    registers,
  });
  const cut = new Counter({
    name: 'darkroom_event_streams_cut_total',
    help: 'Streams that were cut off because their clients did not keep up.',
    labelNames: ['reason'],
    registers,
  });
  const sent = new Counter({
    name: 'darkroom_events_sent_total',
    help: 'Events that were written to streams.',
    labelNames: ['event'],
    registers,
  });
  return {
    onOpen: () => open.inc(),
    onClose: () => open.dec(),
    onCut: (reason) => cut.inc({ reason }),
    onSent: (event) => sent.inc({ event }),
  };
}
