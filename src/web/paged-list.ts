import { isOlder } from './by-time.ts';
import { el, fill, say } from './dom.ts';
import { problemText } from './problem-text.ts';

export type Page<Item> = { items: Item[]; next_cursor: string | null };

export type PagedList<Item> = {
  node: HTMLElement;
  /** From the first page on. */
  restart(): void;
  /** Reads the first page again and lets go of what is older; what is there stays until then. */
  renew(): Promise<void>;
  /** Replaces an item that is there, or puts a new one where it belongs by its time. */
  put(item: Item): void;
  remove(id: string): void;
  has(id: string): boolean;
};

type Entry<Item> = { item: Item; node: HTMLElement };
type Options<Item> = {
  list: HTMLElement;
  read(cursor: string | null, signal: AbortSignal): Promise<Page<Item>>;
  render(item: Item): HTMLElement;
  /** Said when there are none. */
  empty(): string;
  signal: AbortSignal;
};

/**
 * A list, newest first, that reads on as its end comes into sight, or by a button, which is also there for keyboards. What
 * goes wrong is said where the next items would be, with a button to try again.
 */
export function createPagedList<Item extends { id: string; created_at: string }>({
  list,
  read,
  render,
  empty,
  signal,
}: Options<Item>): PagedList<Item> {
  const shown = new Map<string, Entry<Item>>();
  const order: Entry<Item>[] = [];
  const state = el('p', { class: 'hint', role: 'status' });
  const button = el('button', { type: 'button', class: 'more', onclick: () => void readOn() }, 'Load more');
  const node = el('div', { class: 'paged' }, list, state, button);
  let cursor: string | null = null;
  let isAtEnd = false;
  let isBroken = false;
  let reading: AbortController | null = null;

  const put = (item: Item): void => {
    const made = render(item);
    const known = shown.get(item.id);
    const entry = { item, node: made };
    shown.set(item.id, entry);
    if (known) {
      replace(known.node, made);
      order[order.indexOf(known)] = entry;
      return;
    }
    const index = placeOf(item);
    list.insertBefore(made, order[index]?.node ?? null);
    order.splice(index, 0, entry);
    if (isAtEnd) showState();
  };
  /** Of those that are there, which are newest first, the first that is older. */
  const placeOf = (item: Item): number => {
    let [from, to] = [0, order.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const there = order[middle];
      if (there && isOlder(there.item, item)) to = middle;
      else from = middle + 1;
    }
    return from;
  };
  const showState = (): void => {
    say(state, shown.size === 0 && isAtEnd ? empty() : '');
    state.className = 'hint';
    list.hidden = shown.size === 0;
    fill(button, isBroken ? 'Try again' : 'Load more');
    button.hidden = isAtEnd;
  };

  async function readOn(): Promise<void> {
    if (reading || isAtEnd) return;
    const own = new AbortController();
    reading = own;
    isBroken = false;
    list.setAttribute('aria-busy', 'true');
    say(state, 'Loading …');
    try {
      // A page of a search may be empty and not the last.
      for (let found = 0; found === 0 && !isAtEnd; ) {
        const page = await read(cursor, AbortSignal.any([own.signal, signal]));
        if (own.signal.aborted) return;
        for (const item of page.items) put(item);
        found = page.items.length;
        cursor = page.next_cursor;
        isAtEnd = cursor === null;
      }
      showState();
    } catch (error) {
      if (own.signal.aborted || signal.aborted) return;
      isBroken = true;
      showState();
      say(state, problemText(error));
      state.className = 'problem';
    } finally {
      if (reading === own) {
        reading = null;
        list.removeAttribute('aria-busy');
      }
    }
    if (!isAtEnd && !isBroken) watchAgain();
  }

  const observer = new IntersectionObserver(
    (entries) => entries.some(({ isIntersecting }) => isIntersecting) && !isBroken && void readOn(),
    { rootMargin: '400px' },
  );
  observer.observe(button);
  signal.addEventListener('abort', () => observer.disconnect(), { once: true });
  /** What stays in sight tells nothing new: on a tall window the next page is due at once. */
  function watchAgain(): void {
    observer.unobserve(button);
    observer.observe(button);
  }

  const restart = (): void => {
    reading?.abort();
    reading = null;
    cursor = null;
    isAtEnd = false;
    shown.clear();
    order.length = 0;
    fill(list);
    showState();
    void readOn();
  };
  const remove = (id: string): void => {
    const entry = shown.get(id);
    if (!entry) return;
    entry.node.remove();
    order.splice(order.indexOf(entry), 1);
    shown.delete(id);
  };
  const renew = async (): Promise<void> => {
    reading?.abort();
    const own = new AbortController();
    reading = own;
    try {
      const page = await read(null, AbortSignal.any([own.signal, signal]));
      if (own.signal.aborted) return;
      for (const item of page.items) if (!shown.has(item.id)) put(item);
      const last = page.items.at(-1);
      for (const { item } of [...order]) if (last && isOlder(item, last)) remove(item.id);
      cursor = page.next_cursor;
      isAtEnd = cursor === null;
    } catch {
      // Nothing is lost: what is there stays, and its end is where it was.
    } finally {
      if (reading === own) {
        reading = null;
        list.removeAttribute('aria-busy');
        showState();
      }
    }
    if (!isAtEnd) watchAgain();
  };
  restart();
  return {
    node,
    restart,
    renew,
    put,
    has: (id) => shown.has(id),
    remove(id) {
      remove(id);
      showState();
    },
  };
}

/** The focus stays on what stands in the same place. */
function replace(old: HTMLElement, made: HTMLElement): void {
  const focusable = 'a[href], button';
  const index = [...old.querySelectorAll(focusable)].indexOf(document.activeElement as Element);
  old.replaceWith(made);
  if (index !== -1) made.querySelectorAll<HTMLElement>(focusable)[index]?.focus();
}
