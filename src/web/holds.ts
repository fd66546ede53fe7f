import type { QueueLoad } from '../client/client.ts';
import { el } from './dom.ts';
import { formatTime } from './format.ts';

export type Hold = QueueLoad['holds'][number];

/** What holds images back, one line each; null when nothing does. */
export function createHoldList(holds: Hold[]): HTMLElement | null {
  if (holds.length === 0) return null;
  const lines = holds.map((hold) => el('li', {}, el('strong', {}, subjectOf(hold)), ` ${wordsOf(hold)}`));
  return el('ul', { class: 'panel holds' }, ...lines);
}

/** Why an image of that model would not be made at once, besides those before it. */
export function whyItWaits({ holds, slots }: QueueLoad, model: string): string[] {
  const concerned = holds.filter(({ scope, model: held }) => scope === 'all' || held === model);
  const told = concerned.map((hold) => `${subjectOf(hold)} ${wordsOf(hold)}`);
  return slots === 0 ? [...told, 'No worker is running; it waits until one is.'] : told;
}

/** Whether it waits for people: when those go on is nothing to reckon with. */
export const isPaused = ({ holds }: QueueLoad, model: string): boolean =>
  holds.some(
    (hold) =>
      hold.by === 'operator' && hold.state === 'paused' && (hold.scope === 'all' || hold.model === model),
  );

const subjectOf = ({ scope, model }: Hold): string => (scope === 'all' ? 'Everything' : String(model));

function wordsOf({ by, state, until }: Hold): string {
  const end =
    state === 'probing'
      ? 'and one image finds out whether it goes on.'
      : until === null
        ? 'until they resume it.'
        : `until ${formatTime(until)}.`;
  return `is held back by ${by === 'operator' ? 'operators' : 'what Gemini answered'}, ${end}`;
}
