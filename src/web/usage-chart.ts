import type { UsageRecord } from '../client/usage.ts';
import { el } from './dom.ts';
import { formatCount, formatUsd } from './format.ts';

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 120;
const STEP = 12;
const GAP = 2;

type Day = { day: string; made: number; lost: number; cost: number };

/** Images a day, those that were made below those that were not. The table beside it tells the same in figures. */
export function createUsageChart({ from, to, groups }: UsageRecord): HTMLElement {
  const days = daysBetween(from, to).map((day): Day => {
    const found = groups.find(({ key }) => key.day === day);
    return {
      day,
      made: found?.succeeded ?? 0,
      lost: (found?.failed ?? 0) + (found?.expired ?? 0),
      cost: found?.cost_usd ?? 0,
    };
  });
  const highest = Math.max(1, ...days.map(({ made, lost }) => made + lost));
  const most = Math.max(...days.map(({ made }) => made));
  const [made, lost] = [sumOf(days, 'made'), sumOf(days, 'lost')];
  const told = `${formatCount(made)} made, at most ${formatCount(most)} on one day; ${formatCount(lost)} not made`;
  const chart = svg('svg', {
    viewBox: `0 0 ${days.length * STEP} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    role: 'img',
    'aria-label': `Images a day from ${from} to ${to}: ${told}.`,
  });
  chart.append(...days.map((day, index) => bar(day, index, HEIGHT / highest)));
  return el(
    'figure',
    { class: 'panel chart' },
    el('p', { class: 'hint' }, `Images a day: ${told}`),
    chart,
    el('figcaption', { class: 'hint' }, el('span', {}, from), el('span', {}, to)),
  );
}

const sumOf = (days: Day[], part: 'made' | 'lost'): number => days.reduce((sum, day) => sum + day[part], 0);

function bar({ day, made, lost, cost }: Day, index: number, scale: number): SVGElement {
  const part = (kind: string, count: number, below: number) =>
    svg('rect', {
      class: kind,
      x: index * STEP + GAP / 2,
      width: STEP - GAP,
      y: HEIGHT - (below + count) * scale,
      height: count * scale,
    });
  const title = svg('title', {});
  title.append(`${day}: ${formatCount(made)} made, ${formatCount(lost)} not, ${formatUsd(cost)}`);
  const group = svg('g', {});
  group.append(title, part('made', made, 0), part('lost', lost, made));
  return group;
}

function svg(tag: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/** UTC days, both with. */
function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += 86_400_000) {
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  return days;
}
