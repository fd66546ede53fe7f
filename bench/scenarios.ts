import type { Scenario } from './scenario.ts';
import { backlog } from './scenarios/backlog.ts';
import { batch } from './scenarios/batch.ts';
import { events } from './scenarios/events.ts';
import { history } from './scenarios/history.ts';
import { latency } from './scenarios/latency.ts';
import { memory } from './scenarios/memory.ts';
import { poll } from './scenarios/poll.ts';
import { scale } from './scenarios/scale.ts';
import { start } from './scenarios/start.ts';
import { submit } from './scenarios/submit.ts';
import { worker } from './scenarios/worker.ts';

/** In the order in which they run. */
export const SCENARIOS: Scenario[] = [
  submit,
  batch,
  poll,
  events,
  worker,
  latency,
  memory,
  scale,
  start,
  history,
  backlog,
];
