import type { BatchRecord } from '../client/batches.ts';
import { el } from './dom.ts';
import { formatCount, formatSeconds, formatTime, formatUsd } from './format.ts';
import { hrefOf } from './place.ts';

export type BatchActions = {
  /** Thousands of images hang on it, so it is asked again. */
  askToCancel(batch: BatchRecord): void;
  cancel(batch: BatchRecord): void;
  goOn(batch: BatchRecord): void;
  retry(batch: BatchRecord): void;
};

/** The parts of the bar, in this order. */
const PARTS = ['succeeded', 'failed', 'expired', 'canceled', 'processing', 'pending'] as const;

/** One batch: how far it is, what it cost, and what can be done with it. */
export function createBatchRow(batch: BatchRecord, actions: BatchActions, isAsked: boolean): HTMLElement {
  const name = batch.name ?? `Batch of ${formatTime(batch.created_at)}`;
  const { counts } = batch;
  const isActive = counts.pending + counts.processing > 0 && batch.canceled_at === null;
  const failed = counts.failed + counts.expired;
  const button = (text: string, onclick: () => void, kind = '') =>
    el('button', { type: 'button', class: kind, onclick, 'aria-label': `${text}: ${name}` }, text);
  return el(
    'li',
    { class: 'panel batch', 'data-status': batch.status },
    el('div', { class: 'heading' }, el('h2', {}, name), el('p', { class: 'hint' }, batch.status)),
    createBar(batch),
    el('p', { class: 'hint' }, describe(batch)),
    el(
      'div',
      { class: 'actions' },
      el(
        'a',
        {
          class: 'button',
          href: hrefOf({ view: 'images', query: new URLSearchParams({ batch_id: batch.id }) }),
        },
        'Show its images',
      ),
      // The harmless one stands where the question was, for it has the focus then.
      isActive && isAsked ? button('Go on', () => actions.goOn(batch)) : null,
      isActive && isAsked ? button('Stop it', () => actions.cancel(batch), 'danger') : null,
      isActive && !isAsked ? button('Cancel …', () => actions.askToCancel(batch)) : null,
      failed > 0 && !isActive
        ? button(`Retry ${formatCount(failed)} failed`, () => actions.retry(batch))
        : null,
    ),
  );
}

function createBar({ counts }: BatchRecord): HTMLElement {
  const told = PARTS.filter((part) => counts[part] > 0).map((part) => `${formatCount(counts[part])} ${part}`);
  const bar = el('div', { class: 'counts', role: 'img', 'aria-label': told.join(', ') });
  for (const part of PARTS) {
    if (counts[part] === 0) continue;
    const piece = el('span', { 'data-part': part });
    piece.style.flexGrow = String(counts[part]);
    bar.append(piece);
  }
  return bar;
}

function describe({ counts, cost_usd, estimated_cost_usd, eta_seconds, canceled_at }: BatchRecord): string {
  const active = counts.pending + counts.processing;
  const parts = [
    `${formatCount(counts.succeeded)} of ${formatCount(counts.total)} made`,
    counts.failed > 0 ? `${formatCount(counts.failed)} failed` : null,
    counts.expired > 0 ? `${formatCount(counts.expired)} expired` : null,
    counts.canceled > 0 ? `${formatCount(counts.canceled)} canceled` : null,
    `${formatUsd(cost_usd)} of about ${formatUsd(estimated_cost_usd)}`,
    active > 0 && canceled_at !== null ? 'stopping' : null,
    active > 0 && canceled_at === null && eta_seconds !== null
      ? `about ${formatSeconds(eta_seconds)} left`
      : null,
  ];
  return parts.filter(Boolean).join(' · ');
}
