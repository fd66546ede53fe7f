import { el, newId } from './dom.ts';

type Question = { title: string; detail: string; yes: string; no: string };

/** Asks before what cannot be undone; the harmless answer has the focus, and is what closing it means. */
export function ask({ title, detail, yes, no }: Question, signal: AbortSignal): Promise<boolean> {
  const id = newId('question');
  const answer = (value: string) => () => dialog.close(value);
  const dialog = el(
    'dialog',
    { class: 'question', 'aria-labelledby': id },
    el('h2', { id }, title),
    el('p', { class: 'hint' }, detail),
    el(
      'div',
      { class: 'actions' },
      el('button', { type: 'button', autofocus: true, onclick: answer('no') }, no),
      el('button', { type: 'button', class: 'danger', onclick: answer('yes') }, yes),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    signal.addEventListener('abort', answer('no'), { once: true });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
  });
}
