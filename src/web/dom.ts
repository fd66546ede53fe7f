export type Child = Node | string | null;
type Value = string | number | boolean | null | ((event: never) => void);

/**
 * An element with attributes, listeners (`onclick`) and children. Text is only ever text: nothing here, and nothing else in
 * the page, makes HTML of it. `false` and null leave an attribute out.
 */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') made.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null) made.setAttribute(name, String(value));
  }
  fill(made, ...children);
  return made;
}

/** What is in `place` from now on. */
export function fill(place: Element, ...children: Child[]): void {
  place.replaceChildren(...children.filter((child) => child !== null));
}

/** Leaves a text alone that is the same already: what reads the page aloud would say it again. */
export function say(place: Element, text: string): void {
  if (place.textContent !== text) place.textContent = text;
}

/** An address that a link or a picture may have; null for any other scheme. */
export function webAddress(address: string | null): string | null {
  if (address === null) return null;
  const url = URL.parse(address, document.baseURI);
  return url && /^https?:$/.test(url.protocol) ? url.href : null;
}

let lastId = 0;
/** For labels and descriptions, which point by id. */
export const newId = (name: string): string => `${name}-${++lastId}`;
