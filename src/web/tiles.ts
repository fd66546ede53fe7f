import { el } from './dom.ts';

export type Tile = { label: string; value: string; hint?: string | null; mood?: 'good' | 'bad' | null };

/** A few figures, large, each with what it is. */
export function createTiles(tiles: Tile[]): HTMLElement {
  return el(
    'dl',
    { class: 'tiles' },
    ...tiles.map(({ label, value, hint = null, mood = null }) =>
      el(
        'div',
        { class: 'panel tile', 'data-mood': mood },
        el('dt', {}, label),
        el('dd', { class: 'value' }, value),
        hint === null ? null : el('dd', { class: 'hint' }, hint),
      ),
    ),
  );
}
