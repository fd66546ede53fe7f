import type { GenerationEstimate, ImageRecord } from '../client/images.ts';
import type { App } from './app.ts';
import { el, fill } from './dom.ts';
import type { Draft } from './draft.ts';
import { createEstimateLine } from './estimate-line.ts';
import { createImageFields, type ImageSettings } from './image-fields.ts';
import type { Connection } from './live-images.ts';
import { fieldProblems, isOutage, problemText } from './problem-text.ts';
import { createSubmitOnce } from './submit-once.ts';

type Call = { signal: AbortSignal; retryForMs: number };

/** Long enough for a restart of the API; whoever waits longer is told, and may send again. */
const SEND_FOR_MS = 8_000;

const ANSWERS = new Set<Connection>(['live', 'polling']);

export type ImageForm = {
  /** The words on the button. */
  action: string;
  from: ImageRecord | null;
  /** Where what is typed is kept, and comes from; null: it goes with the form. */
  draft: Draft | null;
  estimate(settings: ImageSettings, call: Call): Promise<GenerationEstimate>;
  submit(settings: ImageSettings, call: Call & { idempotencyKey: string }): Promise<ImageRecord>;
  onDone(image: ImageRecord): void;
};

/** A form for one image, new or made again: its fields, what it would cost, and the button. */
export function createImageForm(app: App, form: ImageForm, signal: AbortSignal): HTMLFormElement {
  const fields = createImageFields(app.choices, form.from ?? form.draft?.read() ?? null);
  const estimate = createEstimateLine(app, form.from?.model ?? app.choices.options.default_model, signal);
  const problem = el('p', { class: 'problem', role: 'alert' });
  const button = el('button', { class: 'primary' }, form.action);
  const send = createSubmitOnce((settings: ImageSettings, options: { idempotencyKey: string }) =>
    form.submit(settings, { ...options, signal, retryForMs: SEND_FOR_MS }),
  );

  const ask = (): void => {
    const settings = fields.values();
    const isEmpty = settings.prompt.trim() === '';
    estimate.ask(isEmpty ? null : (current) => form.estimate(settings, { signal: current, retryForMs: 0 }));
  };
  let isSending = false;
  let isAway = false;
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (isSending) return;
    isSending = true;
    button.setAttribute('aria-disabled', 'true');
    fill(button, 'Sending …');
    fill(problem);
    fields.explain(new Map());
    try {
      const image = await send(fields.values());
      app.live.put(image);
      form.onDone(image);
      ask();
    } catch (error) {
      if (signal.aborted) return;
      isAway = isOutage(error);
      if (!fields.explain(fieldProblems(error))) fill(problem, problemText(error));
    } finally {
      isSending = false;
      button.removeAttribute('aria-disabled');
      fill(button, form.action);
    }
  };
  const change = (): void => {
    form.draft?.keep(fields.values());
    fill(problem);
    ask();
  };
  app.live.on((message) => {
    const isBack = message.type === 'connection' && ANSWERS.has(message.connection);
    if (isBack && isAway) fill(problem);
  }, signal);
  ask();
  return el(
    'form',
    { novalidate: true, onsubmit: submit, oninput: change, onkeydown: sendByKeys },
    fields.node,
    estimate.node,
    problem,
    button,
  );
}

/** Ctrl or Command with Enter, also from the middle of the prompt. */
function sendByKeys(event: KeyboardEvent): void {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  (event.currentTarget as HTMLFormElement).requestSubmit();
}
