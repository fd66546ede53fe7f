import type { ImageRequest } from '../client/images.ts';
import { type Choices, nameOfDataset } from './choices.ts';
import { el, newId, say } from './dom.ts';

/** What a form asks for. Empty choices are left out: Darkroom decides. */
export type ImageSettings = Pick<
  ImageRequest,
  'prompt' | 'dataset_id' | 'style' | 'aspect_ratio' | 'quality' | 'format'
>;

/** What fields may be filled from: an image has more than they do. */
type Filled = { [Name in keyof ImageSettings]?: string | null | undefined };

export type ImageFields = {
  node: HTMLElement;
  values(): ImageSettings;
  /** Shows what is wrong with each, and goes to the first. Answers whether all of it stands at a field now. */
  explain(problems: Map<string, string>): boolean;
  focus(): void;
};

type Option = { value: string; label: string };

/** The fields of a request, filled from what was there before. */
export function createImageFields(choices: Choices, from: Filled | null): ImageFields {
  const { options, datasets } = choices;
  const inputs: Record<keyof ImageSettings, HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement> = {
    prompt: el('textarea', { rows: 4, maxlength: options.limits.prompt_characters, required: true }),
    dataset_id: select('None', datasetOptions(choices, from)),
    style: el('input', { autocomplete: 'off', maxlength: options.limits.style_characters }),
    aspect_ratio: select(null, options.aspect_ratios.map(plain)),
    quality: select(
      null,
      options.qualities.map(({ id, resolution }) => ({ value: id, label: `${id} · ${resolution}` })),
    ),
    format: select('As the model made it', options.formats.map(plain)),
  };
  const styles = el(
    'datalist',
    { id: newId('styles') },
    ...options.styles.map(({ id }) => el('option', { value: id })),
  );
  inputs.style.setAttribute('list', styles.id);
  inputs.style.setAttribute('placeholder', 'A style, or your own words');
  inputs.prompt.setAttribute('placeholder', 'What is to be seen?');
  for (const [name, input] of Object.entries(inputs)) {
    const value = from?.[name as keyof ImageSettings];
    if (typeof value === 'string') input.value = value;
  }

  const problems = new Map<string, HTMLElement>();
  const field = (name: keyof ImageSettings, label: string): HTMLElement => {
    const input = inputs[name];
    const problem = el('p', { id: newId('problem'), class: 'problem' });
    problems.set(name, problem);
    input.id = newId(name);
    input.name = name;
    input.setAttribute('aria-describedby', problem.id);
    return el('div', { class: `field ${name}` }, el('label', { for: input.id }, label), input, problem);
  };
  const node = el(
    'div',
    { class: 'fields' },
    field('prompt', 'Prompt'),
    datasets.length > 0 || from?.dataset_id ? field('dataset_id', 'Dataset') : null,
    field('style', 'Style'),
    styles,
    field('aspect_ratio', 'Ratio'),
    field('quality', 'Quality'),
    field('format', 'Format'),
  );

  return {
    node,
    values: () => ({
      prompt: inputs.prompt.value,
      dataset_id: inputs.dataset_id.value || null,
      style: inputs.style.value.trim() || null,
      aspect_ratio: inputs.aspect_ratio.value || null,
      quality: (inputs.quality.value || null) as ImageSettings['quality'],
      format: (inputs.format.value || null) as ImageSettings['format'],
    }),
    explain(found) {
      let first: HTMLElement | null = null;
      for (const [name, problem] of problems) {
        const input = inputs[name as keyof ImageSettings];
        const text = found.get(name) ?? '';
        // Darkroom's own begin with a verb.
        say(problem, /^[a-z]/.test(text) ? `${labelOf(input)} ${text}.` : text);
        input.toggleAttribute('aria-invalid', false);
        if (text) input.setAttribute('aria-invalid', 'true');
        if (text) first ??= input;
      }
      first?.focus();
      return found.size > 0 && [...found.keys()].every((name) => problems.has(name));
    },
    focus: () => inputs.prompt.focus(),
  };
}

const labelOf = (input: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement): string =>
  input.labels?.[0]?.textContent ?? 'It';

const plain = (value: string): Option => ({ value, label: value });

/** `empty` is what choosing nothing is called; null when something is always chosen. */
function select(empty: string | null, options: Option[]): HTMLSelectElement {
  const all = empty === null ? options : [{ value: '', label: empty }, ...options];
  return el('select', {}, ...all.map(({ value, label }) => el('option', { value }, label)));
}

/** An image keeps the dataset that it was made with, also when that is not in the list. */
function datasetOptions({ datasets }: Choices, from: Filled | null): Option[] {
  const known = datasets.map((dataset) => ({ value: dataset.id, label: nameOfDataset(dataset) }));
  const own = from?.dataset_id ?? null;
  if (own === null || known.some(({ value }) => value === own)) return known;
  return [...known, { value: own, label: own }];
}
