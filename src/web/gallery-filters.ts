import type { HistoryFilter, ImageRecord } from '../client/images.ts';
import { type Choices, nameOfDataset } from './choices.ts';
import { el } from './dom.ts';
import { hrefOf } from './place.ts';

const ENDED = ['succeeded', 'failed', 'canceled', 'expired'];
const TYPING_PAUSE_MS = 300;

export type GalleryFilter = Pick<HistoryFilter, 'status' | 'style' | 'dataset_id' | 'q' | 'batch_id'>;
export type GalleryFilters = { node: HTMLElement; filter(): GalleryFilter };

/** What of the gallery is shown; `onChange` is called once typing pauses. `query`: a batch that was asked for. */
export function createGalleryFilters(
  { options, datasets }: Choices,
  query: URLSearchParams,
  onChange: () => void,
): GalleryFilters {
  const batch = query.get('batch_id');
  const search = el('input', {
    type: 'search',
    name: 'q',
    maxlength: 200,
    placeholder: 'In prompts',
  });
  const state = select('state', 'All', ENDED);
  const style = select(
    'style',
    'All',
    options.styles.map(({ id }) => id),
  );
  const dataset = el(
    'select',
    { name: 'dataset' },
    el('option', { value: '' }, 'All'),
    ...datasets.map((one) => el('option', { value: one.id }, nameOfDataset(one))),
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  const later = (event: Event): void => {
    clearTimeout(timer);
    timer = setTimeout(onChange, event.target === search ? TYPING_PAUSE_MS : 0);
  };
  const field = (label: string, input: HTMLElement) => el('label', {}, el('span', {}, label), input);
  const node = el(
    'form',
    { class: 'filters', role: 'search', 'aria-label': 'Gallery', oninput: later, onsubmit: stay },
    field('Search', search),
    field('State', state),
    field('Style', style),
    datasets.length > 0 ? field('Dataset', dataset) : null,
    batch ? el('a', { class: 'chip', href: hrefOf({ view: 'images' }) }, 'Only one batch — show all') : null,
  );
  return {
    node,
    filter: () => ({
      status: state.value ? [state.value] : ENDED,
      ...(style.value && { style: style.value }),
      ...(dataset.value && { dataset_id: dataset.value }),
      ...(search.value.trim() && { q: search.value.trim() }),
      ...(batch && { batch_id: batch }),
    }),
  };
}

function select(name: string, all: string, values: string[]): HTMLSelectElement {
  const options = values.map((value) => el('option', { value }, value));
  return el('select', { name }, el('option', { value: '' }, all), ...options);
}

const stay = (event: SubmitEvent): void => event.preventDefault();

/** As the history would answer it: for images that end while the gallery is open. */
export function matches(
  image: ImageRecord,
  { status, style, dataset_id, q, batch_id }: GalleryFilter,
): boolean {
  return (
    (!status || status.includes(image.status)) &&
    (!style || image.style === style) &&
    (!dataset_id || image.dataset_id === dataset_id) &&
    (!batch_id || image.batch_id === batch_id) &&
    (!q || image.prompt.toLowerCase().includes(q.toLowerCase()))
  );
}
