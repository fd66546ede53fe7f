import type { BatchRecord } from '../client/batches.ts';
import type { App, View } from './app.ts';
import { createBatchRow } from './batch-row.ts';
import { el, fill } from './dom.ts';
import { createPagedList } from './paged-list.ts';
import { createSubmitOnce } from './submit-once.ts';

const PAGE = 20;
const LOOK_EVERY_MS = 5_000;

/** Many images at once: how far they are, to stop, and to make again what failed. */
export const batchesView: View = {
  name: 'batches',
  title: 'Batches',
  open(app, place, _query, signal) {
    const heading = el('div', { class: 'heading' }, el('h1', {}, 'Batches'));
    if (!app.isSignedIn) {
      fill(place, heading, el('p', { class: 'panel' }, 'Batches are for those who sign in.'));
      return;
    }
    fill(place, heading, createBatches(app, signal));
  },
};

function createBatches(app: App, signal: AbortSignal): HTMLElement {
  const call = { signal, retryForMs: 5_000 };
  const retry = createSubmitOnce((id: string, options: { idempotencyKey: string }) =>
    app.client.batches.retry(id, { ...call, ...options }),
  );
  const act = async (doing: string, action: () => Promise<BatchRecord>, done: string): Promise<void> => {
    try {
      batches.put(await action());
      app.notices.tell(done);
    } catch (error) {
      if (!signal.aborted) app.notices.fail(error, doing);
    }
  };
  const asked = new Set<string>();
  const actions = {
    askToCancel(batch: BatchRecord) {
      asked.add(batch.id);
      batches.put(batch);
    },
    goOn(batch: BatchRecord) {
      asked.delete(batch.id);
      batches.put(batch);
    },
    cancel: (batch: BatchRecord) =>
      act(
        'The batch was not canceled',
        () => app.client.batches.cancel(batch.id, call),
        'The batch is being stopped.',
      ),
    retry: (batch: BatchRecord) =>
      act('The batch was not repeated', () => retry(batch.id), 'What failed is made again, as a new batch.'),
  };
  const readPage = (cursor: string | null, current: AbortSignal) =>
    app.client.batches.page(
      { limit: PAGE, ...(cursor !== null && { cursor }) },
      { ...call, signal: current },
    );
  const batches = createPagedList<BatchRecord>({
    list: el('ul', { class: 'batches' }),
    read: readPage,
    render: (batch) => createBatchRow(batch, actions, asked.has(batch.id)),
    empty: () => 'There is no batch yet. Scripts make them: POST /ai/batches, or the darkroom command.',
    signal,
  });

  app.live.on((message) => {
    if (message.type === 'batch') batches.put(message.batch);
    if (message.type === 'resync') batches.restart();
  }, signal);
  // Without the stream nobody tells how they go on.
  const look = async (): Promise<void> => {
    if (app.live.connection() !== 'polling') return;
    const { items } = await app.client.batches.page({ limit: PAGE }, { signal, retryForMs: 0 });
    for (const batch of items) batches.put(batch);
  };
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  return batches.node;
}
