import { createHash, randomUUID } from 'node:crypto';
import type { BatchRecord } from '../client/batches.ts';
import { DarkroomError } from '../client/darkroom-error.ts';
import type { BatchState, BatchStateFile } from './batch-state.ts';
import type { Cli } from './cli.ts';
import { CliError, EXIT, usageError } from './exit-codes.ts';
import type { PreparedBatch } from './prepared-batch.ts';

/** The API keeps keys for a day. */
const KEY_LIVES_MS = 23 * 3_600_000;
/** Nothing was accepted, and the same lines would be refused again. */
const REFUSED = new Set(['validation_failed', 'malformed_json', 'payload_too_large']);

export type SubmitOnce = {
  name: string | undefined;
  webhookUrl: string | undefined;
  /** Of the folder for the images; null without one. */
  state: BatchStateFile | null;
  /** Whether what was submitted before is to be submitted again. */
  isNew: boolean;
};

/**
 * The batch of these lines: one, however often and by however many commands they are sent. The key is made of what is sent, so
 * that it needs no memory for a day; the state file has it before the lines leave, and the batch's id afterwards.
 */
export async function submitOnce(
  cli: Cli,
  prepared: PreparedBatch,
  { name, webhookUrl, state, isNew }: SubmitOnce,
): Promise<BatchRecord> {
  const hash = createHash('sha256')
    .update(JSON.stringify([prepared.hash, name ?? null, webhookUrl ?? null]))
    .digest('hex');
  const kept = isNew ? null : ((await state?.read()) ?? null);
  if (kept) checkIsSame(kept, hash, prepared.name);
  if (kept?.batch_id) return findKept(cli, kept.batch_id, kept.url);
  if (kept) checkIsKnown(kept, cli.url);

  const sent: BatchState = kept ?? {
    version: 1,
    hash,
    key: isNew ? `cli-${hash.slice(0, 40)}-${randomUUID()}` : `cli-${hash.slice(0, 40)}`,
    url: cli.url,
    submitted_at: new Date().toISOString(),
    batch_id: null,
  };
  await state?.write(sent);
  cli.mayBeFoundBy('It may have been accepted: the same command again finds out, and submits nothing twice.');
  const batch = await cli.client.batches
    .createFromLines(prepared.lines, {
      ...cli.call,
      ...(name !== undefined && { name }),
      ...(webhookUrl !== undefined && { webhookUrl }),
      idempotencyKey: sent.key,
    })
    .catch(async (error: unknown) => {
      const isRefused = error instanceof DarkroomError && REFUSED.has(error.code);
      if (isRefused && !kept) await state?.remove();
      throw prepared.tellLines(error);
    });
  await state?.write({ ...sent, batch_id: batch.id });
  return batch;
}

function checkIsSame(kept: BatchState, hash: string, fileName: string): void {
  if (kept.hash === hash) return;
  const before = kept.batch_id ? `became batch ${kept.batch_id}` : 'was submitted';
  throw usageError(
    `With other prompts or options ${fileName} ${before} for this folder: take another --out, or --new to submit it as it is now.`,
  );
}

/** A key that has run out, or that another API would not know, makes a second batch. */
function checkIsKnown(kept: BatchState, url: string): void {
  const isRecent = Date.now() - Date.parse(kept.submitted_at) < KEY_LIVES_MS;
  if (isRecent && kept.url === url) return;
  throw new CliError(
    EXIT.failure,
    `It is not known what became of the submit of ${kept.submitted_at} to ${kept.url}: look with "darkroom batches", fetch what is there with "darkroom download", or submit again with --new.`,
  );
}

async function findKept(cli: Cli, id: string, url: string): Promise<BatchRecord> {
  try {
    return await cli.client.batches.get(id, cli.call);
  } catch (error) {
    if (!(error instanceof DarkroomError) || error.status !== 404) throw error;
    throw new CliError(
      EXIT.failure,
      `${cli.url} knows no batch ${id} of yours, which this file became at ${url}: submit it again with --new.`,
      { cause: error },
    );
  }
}
