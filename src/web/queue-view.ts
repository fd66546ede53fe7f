import type { WorkerList } from '../client/admin.ts';
import type { QueueLoad } from '../client/client.ts';
import { DarkroomError } from '../client/darkroom-error.ts';
import type { App, View } from './app.ts';
import { createTable } from './data-table.ts';
import { el, fill } from './dom.ts';
import { formatCount, formatMs, formatSeconds, formatTime } from './format.ts';
import { createHoldList } from './holds.ts';
import { problemText } from './problem-text.ts';
import { repeat } from './repeat.ts';
import { createTiles, type Tile } from './tiles.ts';

const LOOK_EVERY_MS = 3_000;

const STATES: Record<string, { text: string; hint: string; mood: NonNullable<Tile['mood']> | null }> = {
  running: { text: 'Running', hint: 'Images are made as they come.', mood: 'good' },
  throttled: { text: 'Held back', hint: 'A part waits until its hold ends.', mood: 'bad' },
  paused: { text: 'Paused', hint: 'Operators start nothing; what comes is taken and waits.', mood: 'bad' },
  no_workers: { text: 'No workers', hint: 'What comes is taken, and waits until one runs.', mood: 'bad' },
};

/** How busy it is, for whoever waits; and who works, for operators. */
export const queueView: View = {
  name: 'queue',
  title: 'Queue',
  open(app, place, _query, signal) {
    const problem = el('p', { class: 'problem', role: 'alert' });
    const load = el('div', { class: 'stream' }, el('p', { class: 'hint', role: 'status' }, 'Loading …'));
    const workers = el('div', {});
    const shown = el('div', { class: 'stream' }, problem, load, workers);
    fill(place, el('div', { class: 'heading' }, el('h1', {}, 'Queue')), shown);
    const readWorkers = createReadWorkers(app, workers, signal);
    repeat(
      async () => {
        try {
          replace(load, ...showLoad(await app.client.queue({ signal, retryForMs: 0 })));
          await readWorkers();
          fill(problem);
        } catch (error) {
          if (!signal.aborted) fill(problem, `${problemText(error)} It is tried again every few seconds.`);
        }
      },
      LOOK_EVERY_MS,
      signal,
    );
  },
};

/** Leaves alone what says the same already: it may have the focus, or be read. */
function replace(place: HTMLElement, ...made: HTMLElement[]): void {
  if (place.textContent !== made.map(({ textContent }) => textContent).join('')) fill(place, ...made);
}

function showLoad({ state, workers, slots, waiting, released, processing, wait, holds, mine }: QueueLoad) {
  const known = STATES[state] ?? { text: state, hint: '', mood: null };
  const tiles: Tile[] = [
    { label: 'State', value: known.text, hint: known.hint, mood: known.mood },
    {
      label: 'Being made',
      value: formatCount(processing),
      hint: `${formatCount(slots)} slots of ${formatCount(workers)} ${workers === 1 ? 'worker' : 'workers'}`,
    },
    { label: 'Waiting', value: formatCount(waiting + released), hint: 'of everybody' },
    {
      label: 'Wait lately',
      value: wait.p50_seconds === null ? 'not known' : formatMs(wait.p50_seconds * 1_000),
      hint:
        wait.p95_seconds === null
          ? 'None was made in the last hour.'
          : `half of them; 95 % within ${formatMs(wait.p95_seconds * 1_000)}`,
    },
    {
      label: 'Yours',
      value: formatCount(mine.waiting + mine.released + mine.processing),
      hint: `${formatCount(mine.processing)} being made`,
    },
    {
      label: 'Your next',
      value: mine.queue_position === null ? 'not known' : `place ${formatCount(mine.queue_position)}`,
      hint: waitOf(state, mine.eta_seconds),
    },
  ];
  const held = createHoldList(holds);
  return [createTiles(tiles), ...(held ? [held] : [])];
}

/** Whatever is reckoned, a pause comes before it. */
function waitOf(state: string, seconds: number | null): string {
  if (state === 'paused') return 'Nothing is started while it is paused.';
  return seconds === null
    ? 'Nobody can say when it would be ready.'
    : `ready in about ${formatSeconds(seconds)}`;
}

/** Only operators are told of workers: whoever is refused is not asked again. */
function createReadWorkers(app: App, place: HTMLElement, signal: AbortSignal): () => Promise<void> {
  let isRefused = !app.isSignedIn;
  return async () => {
    if (isRefused) return;
    try {
      replace(place, showWorkers(await app.client.admin.workers({ signal, retryForMs: 0 })));
    } catch (error) {
      isRefused = error instanceof DarkroomError && (error.status === 403 || error.status === 401);
      if (!isRefused) throw error;
    }
  };
}

function showWorkers({ items }: WorkerList): HTMLElement {
  if (items.length === 0) return el('p', { class: 'panel' }, 'No worker has been seen in the last day.');
  return createTable(
    'Workers',
    [
      { title: 'Host', value: ({ host }) => host },
      { title: 'State', value: ({ alive, draining }) => (alive ? (draining ? 'leaving' : 'alive') : 'dead') },
      { title: 'Busy', value: ({ busy }) => formatCount(busy), isNumber: true },
      { title: 'Slots', value: ({ concurrency }) => formatCount(concurrency), isNumber: true },
      { title: 'Started', value: ({ started_at }) => formatTime(started_at) },
      { title: 'Id', value: ({ id }) => id.slice(0, 8) },
    ],
    items,
  );
}
