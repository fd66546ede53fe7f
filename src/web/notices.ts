import { el } from './dom.ts';
import { problemText } from './problem-text.ts';

const SHOWN_MS = 6_000;

export type Notices = {
  /** Has to be inside whatever dialog is open: everything else is out of reach then. */
  node: HTMLElement;
  /** What went well; it goes by itself, or when what comes back is called. */
  tell(text: string): () => void;
  /** What went wrong; it stays until it is read. */
  fail(error: unknown, doing: string): void;
  /** What was asked for and is not there, which is soon read; it goes by itself. */
  warn(text: string): void;
};

/** Short messages in a corner, which are read aloud as they come. */
export function createNotices(): Notices {
  const node = el('div', { class: 'corner' });
  const good = el('div', { role: 'status', class: 'notices' });
  const bad = el('div', { role: 'alert', class: 'notices' });
  node.append(good, bad);
  document.body.append(node);

  const show = (region: HTMLElement, text: string, kind: string): HTMLElement => {
    const notice = el('div', { class: `notice ${kind}` }, el('p', {}, text));
    const close = el('button', { type: 'button', class: 'quiet', onclick: () => notice.remove() }, 'Close');
    notice.append(close);
    region.append(notice);
    // Only so many fit; the oldest are the least news.
    while (region.children.length > 3) region.firstElementChild?.remove();
    return notice;
  };
  return {
    node,
    tell(text) {
      const notice = show(good, text, 'good');
      setTimeout(() => notice.remove(), SHOWN_MS);
      return () => notice.remove();
    },
    fail(error, doing) {
      show(bad, `${doing}: ${problemText(error)}`, 'bad');
    },
    warn(text) {
      const notice = show(bad, text, 'bad');
      setTimeout(() => notice.remove(), SHOWN_MS);
    },
  };
}
