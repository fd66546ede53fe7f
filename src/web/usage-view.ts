import type { PopularPrompt, UsageRecord } from '../client/usage.ts';
import type { App, View } from './app.ts';
import { type Choices, nameOfDataset } from './choices.ts';
import { createTable } from './data-table.ts';
import { el, fill, newId } from './dom.ts';
import { formatCount, formatMs, formatShare, formatTime, formatUsd, shorten } from './format.ts';
import { problemText } from './problem-text.ts';
import { createTiles } from './tiles.ts';
import { createUsageChart } from './usage-chart.ts';

const DAY_MS = 86_400_000;
const SPANS = { 7: 'Last 7 days', 30: 'Last 30 days', 365: 'Last year' } as const;
const GROUPS = {
  model: 'Model',
  dataset: 'Dataset',
  style: 'Style',
  aspect_ratio: 'Ratio',
  quality: 'Quality',
  status: 'State',
  day: 'Day',
} as const;
const MOST_PROMPTS = 10;

type Group = UsageRecord['groups'][number];

/** What was made, how it went and what it has cost. */
export const usageView: View = {
  name: 'usage',
  title: 'Usage',
  open(app, place, _query, signal) {
    const heading = el('h1', {}, 'Usage');
    if (!app.isSignedIn) {
      fill(
        place,
        el('div', { class: 'heading' }, heading),
        el('p', { class: 'panel' }, 'Usage is for those who sign in.'),
      );
      return;
    }
    const span = choice('Time', SPANS, '30');
    const group = choice('Table by', GROUPS, 'model');
    const shown = el('div', { class: 'stream' });
    fill(
      place,
      el('div', { class: 'heading' }, heading, el('div', { class: 'filters pair' }, span.node, group.node)),
      shown,
    );

    let current = new AbortController();
    const show = async (): Promise<void> => {
      current.abort();
      current = new AbortController();
      const own = AbortSignal.any([current.signal, signal]);
      shown.setAttribute('aria-busy', 'true');
      try {
        fill(shown, ...(await read(app, Number(span.value()), group.value() as keyof typeof GROUPS, own)));
      } catch (error) {
        if (own.aborted) return;
        const again = el('button', { type: 'button', onclick: () => void show() }, 'Try again');
        fill(shown, el('p', { class: 'panel problem', role: 'alert' }, problemText(error)), again);
      }
      shown.removeAttribute('aria-busy');
    };
    for (const { select } of [span, group]) select.addEventListener('change', () => void show());
    fill(shown, el('p', { class: 'hint', role: 'status' }, 'Loading …'));
    void show();
  },
};

async function read(
  { client, choices }: App,
  days: number,
  by: keyof typeof GROUPS,
  signal: AbortSignal,
): Promise<HTMLElement[]> {
  const from = new Date(Date.now() - (days - 1) * DAY_MS).toISOString().slice(0, 10);
  const call = { signal, retryForMs: 5_000 };
  const [daily, grouped, prompts] = await Promise.all([
    client.usage({ from, group_by: ['day'] }, call),
    client.usage({ from, group_by: [by] }, call),
    client.usagePrompts({ limit: MOST_PROMPTS }, call),
  ]);
  if (daily.total.accepted === 0)
    return [el('p', { class: 'panel' }, 'No image was asked for in this time.')];
  return [
    createTotals(daily.total),
    el('p', { class: 'hint' }, 'Times are to within a tenth.'),
    createUsageChart(daily),
    createGroups(by, grouped, choices),
    ...(prompts.length > 0 ? [createPrompts(prompts)] : []),
  ];
}

function createTotals(total: UsageRecord['total']): HTMLElement {
  const { cost_difference_usd: more, success_rate: rate, unpriced_images: unpriced } = total;
  const compared =
    Math.abs(more) < 0.00005
      ? 'as estimated'
      : `${formatUsd(Math.abs(more))} ${more > 0 ? 'more' : 'less'} than estimated`;
  return createTiles([
    {
      label: 'Images',
      value: formatCount(total.images),
      hint: `of ${formatCount(total.accepted)} asked for`,
    },
    {
      label: 'Cost',
      value: formatUsd(total.cost_usd),
      hint: unpriced > 0 ? `and ${formatCount(unpriced)} of unknown cost` : compared,
    },
    {
      label: 'Success',
      value: rate === null ? 'not known' : formatShare(rate),
      hint: `${formatCount(total.failed)} failed · ${formatCount(total.expired)} expired`,
    },
    {
      label: 'In the queue',
      value: timeOf(total.queue_ms_p50),
      hint: `95 % within ${timeOf(total.queue_ms_p95)}`,
    },
    { label: 'In all', value: timeOf(total.total_ms_p50), hint: `95 % within ${timeOf(total.total_ms_p95)}` },
    {
      label: 'Made again',
      value: formatCount(total.regenerations),
      hint: `${formatCount(total.deleted)} deleted`,
    },
  ]);
}

function createGroups(by: keyof typeof GROUPS, { groups }: UsageRecord, choices: Choices): HTMLElement {
  return createTable<Group>(
    `By ${GROUPS[by].toLowerCase()}`,
    [
      { title: GROUPS[by], value: (group) => nameOf(by, group, choices) },
      { title: 'Images', value: ({ images }) => formatCount(images), isNumber: true },
      { title: 'Failed', value: ({ failed }) => formatCount(failed), isNumber: true },
      { title: 'Expired', value: ({ expired }) => formatCount(expired), isNumber: true },
      { title: 'Cost', value: ({ cost_usd }) => formatUsd(cost_usd), isNumber: true },
      { title: 'Made again', value: ({ regenerations }) => formatCount(regenerations), isNumber: true },
      { title: 'Deleted', value: ({ deleted }) => formatCount(deleted), isNumber: true },
      { title: 'Half within', value: ({ total_ms_p50 }) => timeOf(total_ms_p50), isNumber: true },
    ],
    groups,
  );
}

function nameOf(by: keyof typeof GROUPS, { key }: Group, { datasets }: Choices): string {
  if (by !== 'dataset') return key[by] ?? 'none';
  const dataset = datasets.find(({ id }) => id === key.dataset_id);
  return dataset ? nameOfDataset(dataset) : (key.dataset_id ?? 'none');
}

function createPrompts(prompts: PopularPrompt[]): HTMLElement {
  return createTable(
    'Prompts that are used most',
    [
      { title: 'Prompt', value: ({ prompt }) => shorten(prompt, 90) },
      { title: 'Asked for', value: ({ count }) => formatCount(count), isNumber: true },
      { title: 'Made', value: ({ images }) => formatCount(images), isNumber: true },
      { title: 'Cost', value: ({ cost_usd }) => formatUsd(cost_usd), isNumber: true },
      { title: 'Last', value: ({ last_used_at }) => formatTime(last_used_at) },
    ],
    prompts,
  );
}

const timeOf = (ms: number | null): string => (ms === null ? 'not known' : formatMs(ms));

function choice(label: string, options: Record<string, string>, chosen: string) {
  const id = newId('usage');
  const select = el(
    'select',
    { id },
    ...Object.entries(options).map(([value, text]) =>
      el('option', { value, selected: value === chosen }, text),
    ),
  );
  return { select, value: () => select.value, node: el('label', { for: id }, el('span', {}, label), select) };
}
