import { hasEnded, type ImageEvents } from '../client/images.ts';
import type { App } from './app.ts';
import { el, fill } from './dom.ts';
import { formatMoment, formatMs } from './format.ts';
import { problemText } from './problem-text.ts';

type ImageEvent = ImageEvents['events'][number];

/** What happened to an image, step by step, and how long each took. It is asked for when somebody wants to know. */
export function createStory(app: App, id: string, signal: AbortSignal): HTMLElement {
  const place = el('div', {}, el('p', { class: 'hint' }, 'Loading …'));
  const read = async (): Promise<void> => {
    try {
      fill(place, ...tell(await app.client.imageEvents(id, { signal, retryForMs: 5_000 })));
    } catch (error) {
      if (!signal.aborted) fill(place, el('p', { class: 'problem', role: 'alert' }, problemText(error)));
    }
  };
  const story = el('details', { class: 'story' }, el('summary', {}, 'What happened to it'), place);
  story.addEventListener('toggle', () => {
    if (story.open) void read();
  });
  return story;
}

function tell({ events, is_complete: isComplete }: ImageEvents): HTMLElement[] {
  if (events.length === 0) return [el('p', { class: 'hint' }, 'Nobody wrote it down.')];
  const steps = events.map((event, index) =>
    el('li', {}, el('p', {}, describe(event)), el('small', {}, timeOf(event, index, events))),
  );
  const cut = el('p', { class: 'hint' }, 'There was more before that.');
  return [...(isComplete ? [] : [cut]), el('ol', {}, ...steps)];
}

/** The first by the clock, the others by how long each took, and the end also by the whole. */
function timeOf(event: ImageEvent, index: number, events: ImageEvent[]): string {
  const [first, before] = [events[0], events[index - 1]];
  if (!first || !before) return formatMoment(event.at);
  const took = formatMs(Date.parse(event.at) - Date.parse(before.at));
  const step =
    event.to === 'processing' && event.from === 'pending' ? `${took} in the queue` : `${took} later`;
  return hasEnded({ status: event.to })
    ? `${step} · ${formatMs(Date.parse(event.at) - Date.parse(first.at))} in all`
    : step;
}

function describe({ from, to, attempt, error }: ImageEvent): string {
  const why = error ? `: ${error.code}. ${error.message}` : '.';
  if (from === null) return 'It was accepted.';
  if (to === 'processing') return `A worker took it, for the ${ordinal(attempt)} time.`;
  if (to === 'pending') return `It went back to wait${why}`;
  if (to === 'succeeded') return 'It was made and stored.';
  if (to === 'canceled') return 'It was canceled.';
  return `It ended as ${to}${why}`;
}

const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth'];
const ordinal = (attempt: number) => ORDINALS[attempt - 1] ?? `${attempt}th`;
