import type { ImageRecord } from '../client/images.ts';
import type { App } from './app.ts';

/** Says that an image is on its way, until it has ended: then its own news is told. */
export function tellQueued({ live, notices, signal }: App, { id }: ImageRecord, text: string): void {
  const over = new AbortController();
  const close = notices.tell(text);
  live.on(
    (message) => {
      if (message.type !== 'ended' || message.image.id !== id) return;
      close();
      over.abort();
    },
    AbortSignal.any([over.signal, signal]),
  );
}
