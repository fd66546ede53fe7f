import type { BatchRecord } from '../client/batches.ts';
import { hrefOfBatch, nameOfBatch } from './batch-link.ts';
import { el } from './dom.ts';
import { formatCount, formatSeconds, formatTime, formatUsd, shortId } from './format.ts';

export type BatchActions = {
  cancel(batch: BatchRecord): void;
  retry(batch: BatchRecord): void;
};

/** The parts of the bar, in this order. */
const PARTS = ['succeeded', 'failed', 'expired', 'canceled', 'processing', 'pending'] as const;

/** One batch: how far it is, what it cost, and what can be done with it. `again`: the one that makes again what failed. */
export function createBatchRow(
  batch: BatchRecord,
  actions: BatchActions,
  again: BatchRecord | null,
): HTMLElement {
  const name = nameOfBatch(batch);
  const { counts } = batch;
  const isActive = countOpen(batch) > 0 && batch.canceled_at === null;
  const failed = counts.failed + counts.expired;
  const button = (text: string, onclick: () => void) =>
    el('button', { type: 'button', onclick, 'aria-label': `${text}: ${name}` }, text);
  return el(
    'li',
    { class: 'panel batch', 'data-status': batch.status },
    el('div', { class: 'heading' }, el('h2', {}, name), el('p', { class: 'hint' }, batch.status)),
    createBar(batch),
    el('p', { class: 'hint' }, describe(batch)),
    el(
      'p',
      { class: 'hint' },
      `Made ${formatTime(batch.created_at)} · `,
      el('span', { title: batch.id }, shortId(batch.id)),
    ),
    el(
      'div',
      { class: 'actions' },
      el('a', { class: 'button', href: hrefOfBatch(batch.id) }, 'Show its images'),
      isActive ? button('Cancel …', () => actions.cancel(batch)) : null,
      failed > 0 && !isActive && !again
        ? button(`Retry ${formatCount(failed)} failed`, () => actions.retry(batch))
        : null,
      again ? createAgain(again) : null,
    ),
  );
}

/** How many of it have not ended. */
export const countOpen = ({ counts }: BatchRecord): number => counts.pending + counts.processing;

function createAgain(again: BatchRecord): HTMLElement {
  const name = again.name === null ? nameOfBatch(again) : `${again.name}, ${formatTime(again.created_at)}`;
  return el('p', { class: 'again' }, 'Retried as ', el('a', { href: hrefOfBatch(again.id) }, name));
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

function describe(batch: BatchRecord): string {
  const { counts, cost_usd, estimated_cost_usd, canceled_at } = batch;
  const parts = [
    `${formatCount(counts.succeeded)} of ${formatCount(counts.total)} made`,
    counts.failed > 0 ? `${formatCount(counts.failed)} failed` : null,
    counts.expired > 0 ? `${formatCount(counts.expired)} expired` : null,
    counts.canceled > 0 ? `${formatCount(counts.canceled)} canceled` : null,
    `${formatUsd(cost_usd)} of about ${formatUsd(estimated_cost_usd)}`,
    countOpen(batch) === 0 ? null : canceled_at === null ? leftOf(batch) : 'stopping',
  ];
  return parts.filter(Boolean).join(' · ');
}

const leftOf = ({ eta_seconds }: BatchRecord): string =>
  eta_seconds === null ? 'nobody can say how long it takes' : `about ${formatSeconds(eta_seconds)} left`;
