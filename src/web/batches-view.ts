import type { BatchRecord } from '../client/batches.ts';
import type { App, View } from './app.ts';
import { nameOfBatch } from './batch-link.ts';
import { countOpen, createBatchRow } from './batch-row.ts';
import { isOlder } from './by-time.ts';
import { el, fill } from './dom.ts';
import { formatCount } from './format.ts';
import { createPagedList } from './paged-list.ts';
import { ask } from './question.ts';
import { repeat } from './repeat.ts';
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
      put(await action());
      app.notices.tell(done);
    } catch (error) {
      if (!signal.aborted) app.notices.fail(error, doing);
    }
  };
  const actions = {
    async cancel(batch: BatchRecord) {
      if (!(await ask(questionOf(batch), signal))) return;
      await act(
        'The batch was not canceled',
        () => app.client.batches.cancel(batch.id, call),
        'The batch is being stopped.',
      );
    },
    retry: (batch: BatchRecord) =>
      act('The batch was not repeated', () => retry(batch.id), 'What failed is made again, as a new batch.'),
  };
  const retries = createRetries();
  const put = (batch: BatchRecord): void => {
    const parent = retries.note(batch);
    batches.put(batch);
    if (parent && batches.has(parent.id)) batches.put(parent);
  };
  const readPage = async (cursor: string | null, current: AbortSignal) => {
    const query = { limit: PAGE, ...(cursor !== null && { cursor }) };
    const page = await app.client.batches.page(query, { ...call, signal: current });
    page.items.forEach(retries.note);
    return page;
  };
  const batches = createPagedList<BatchRecord>({
    list: el('ul', { class: 'batches' }),
    read: readPage,
    render: (batch) => createBatchRow(batch, actions, retries.of(batch.id)),
    empty: () => 'There is no batch yet. Scripts make them: POST /ai/batches, or the darkroom command.',
    signal,
  });

  app.live.on((message) => {
    if (message.type === 'batch') put(message.batch);
    if (message.type === 'resync') batches.restart();
  }, signal);
  // Without the stream nobody tells how they go on.
  const look = async (): Promise<undefined> => {
    if (app.live.connection() !== 'polling') return;
    const { items } = await app.client.batches.page({ limit: PAGE }, { signal, retryForMs: 0 });
    for (const batch of items) put(batch);
  };
  repeat(() => look().catch(() => undefined), LOOK_EVERY_MS, signal);
  return batches.node;
}

/** Which batch makes again what failed of another: it says so itself, and being newer it is read before. */
function createRetries() {
  const seen = new Map<string, BatchRecord>();
  const newest = new Map<string, BatchRecord>();
  return {
    /** Answers the one that it is a copy of, where that is known. */
    note(batch: BatchRecord): BatchRecord | null {
      seen.set(batch.id, batch);
      if (batch.parent_id === null) return null;
      const known = newest.get(batch.parent_id);
      if (!known || !isOlder(batch, known)) newest.set(batch.parent_id, batch);
      return seen.get(batch.parent_id) ?? null;
    },
    of: (id: string): BatchRecord | null => newest.get(id) ?? null,
  };
}

function questionOf(batch: BatchRecord) {
  const count = countOpen(batch);
  const images = `${formatCount(count)} ${count === 1 ? 'image' : 'images'}`;
  return {
    title: `Cancel ${images}?`,
    detail: `Of “${nameOfBatch(batch)}”. What is made already stays. This cannot be undone.`,
    yes: `Cancel ${images}`,
    no: 'Go on',
  };
}
