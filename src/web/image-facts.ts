import type { ImageRecord } from '../client/images.ts';
import { type Choices, nameOfDataset } from './choices.ts';
import { el } from './dom.ts';
import { formatBytes, formatMoment, formatMs, formatUsd } from './format.ts';

type Fact = [label: string, value: string | HTMLElement | null];

/** What is known of an image, in words; what is not known is not there. `batch` leads to the one that it is of. */
export function createFacts(image: ImageRecord, choices: Choices, batch: HTMLElement | null): HTMLElement {
  const facts = factsOf(image, choices, batch).flatMap(([label, value]) =>
    value === null ? [] : [el('dt', {}, label), el('dd', {}, value)],
  );
  return el(
    'div',
    { class: 'about' },
    createError(image),
    image.warnings.length > 0
      ? el('ul', { class: 'warnings' }, ...image.warnings.map(({ message }) => el('li', {}, message)))
      : null,
    el('dl', {}, ...facts),
    el('details', {}, el('summary', {}, 'The prompt as the model got it'), el('p', {}, image.prompt_used)),
  );
}

function createError({ error }: ImageRecord): HTMLElement | null {
  if (!error) return null;
  const hints = [
    error.retryable
      ? 'The same request may do better: regenerate it.'
      : 'The same request would end the same way: change it.',
    error.charged ? 'A call of it may have been billed.' : 'It cost nothing.',
  ];
  return el(
    'div',
    { class: 'failure' },
    el('p', {}, el('strong', {}, error.code), ` ${error.message}`),
    el('p', { class: 'hint' }, hints.join(' ')),
  );
}

function factsOf(image: ImageRecord, { datasets }: Choices, batch: HTMLElement | null): Fact[] {
  const dataset = datasets.find(({ id }) => id === image.dataset_id);
  const size = image.width && image.height ? `${image.width} × ${image.height}` : null;
  return [
    ['State', image.cancel_requested_at && !image.completed_at ? 'stopping' : image.status],
    ['Batch', batch],
    ['Name in the batch', image.custom_id],
    ['Dataset', dataset ? nameOfDataset(dataset) : image.dataset_id],
    ['Style', image.style],
    ['Settings', join(image.aspect_ratio, image.quality, image.resolution, image.format)],
    ['File', join(size, image.bytes === null ? null : formatBytes(image.bytes), image.mime_type)],
    ['Model', image.model],
    ['References', image.reference_images_count ? String(image.reference_images_count) : null],
    ['Cost', costOf(image)],
    ['Times', timesOf(image)],
    ['Asked for', formatMoment(image.created_at)],
    ['Ended', image.completed_at === null ? null : formatMoment(image.completed_at)],
    ['Attempts', image.attempt > 1 ? String(image.attempt) : null],
    ['Id', image.id],
  ];
}

const join = (...parts: (string | null)[]): string | null => parts.filter(Boolean).join(' · ') || null;

function costOf({ cost_usd, estimated_cost_usd, completed_at }: ImageRecord): string | null {
  if (cost_usd !== null) return formatUsd(cost_usd);
  if (completed_at !== null) return 'not known';
  return estimated_cost_usd === null ? null : `about ${formatUsd(estimated_cost_usd)}`;
}

function timesOf({ timings }: ImageRecord): string | null {
  if (!timings) return null;
  const named: [string, number | undefined][] = [
    ['in the queue', timings.queue_ms],
    ['at the model', timings.upstream_ms],
    ['upload', timings.upload_ms],
    ['in all', timings.total_ms],
  ];
  return join(...named.map(([name, ms]) => (ms === undefined ? null : `${formatMs(ms)} ${name}`)));
}
