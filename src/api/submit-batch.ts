import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { NewBatchImage } from '../shared/batch-store.ts';
import type { Models } from '../shared/models.ts';
import type { Store } from '../shared/store.ts';
import type { AcceptBatch, WriteImages } from './accept-batch.ts';
import { ApiError, type FieldError } from './api-error.ts';
import { BATCH_LIMITS, type BatchEstimate, batchQuery, batchRequest } from './batch-schemas.ts';
import type { Caller } from './caller.ts';
import { readIdempotencyKey } from './idempotency.ts';
import { newBatch } from './new-batch.ts';
import { createItemPlanner, pointerOfItem, pointerOfLine } from './plan-items.ts';
import { type Line, readLines } from './read-lines.ts';
import { parseQuery, readBody, validationFailed } from './validation.ts';
import type { CheckWebhookUrl } from './webhook-url.ts';
import { createWriteAhead, type WriteAhead } from './write-ahead.ts';

/** Rows of one call of the database. */
const PAGE = 1_000;
const MOST_LINE_BYTES = 256 * 1_024;

/** What a request came to: an accepted batch, or what it would cost. */
export type SubmittedBatch = { id: string } | { estimate: BatchEstimate };

type Deps = {
  store: Pick<Store, 'getDatasetContext'>;
  models: Models;
  checkWebhookUrl: CheckWebhookUrl;
  acceptBatch: AcceptBatch;
};

/** A batch whose items are in the JSON body. @throws ApiError that names every bad field of every item */
export async function submitJson(deps: Deps, req: Request, caller: Caller): Promise<SubmittedBatch> {
  const idempotency = readIdempotencyKey(req, caller);
  const { data, errors } = readBody(batchRequest, req.body);
  if (!data) throw validationFailed([...errors, ...idempotency.errors]);
  const planner = createItemPlanner(deps, caller, data.defaults ?? {});
  const items: NewBatchImage[] = [];
  for (const [index, item] of data.items.entries()) {
    const planned = await planner.plan(item, pointerOfItem(index));
    if (planned) items.push(planned);
  }
  const webhookUrl = data.webhook_url ?? null;
  const webhookErrors = await deps.checkWebhookUrl(webhookUrl, caller.userId);
  const all = [...webhookErrors, ...planner.errors, ...idempotency.errors];
  if (all.length > 0) throw validationFailed(all);
  if (data.dry_run) return { estimate: estimateOf(items.length, costOf(items)) };
  const { name, metadata } = data;
  const batch = newBatch(caller, {
    name: name ?? null,
    metadata: metadata ?? {},
    webhook_url: webhookUrl,
    ...idempotency.fields(),
  });
  const write: WriteImages = async (add) => {
    await add(items);
    return { total: items.length, hash: null };
  };
  return { id: await deps.acceptBatch(batch, write) };
}

/**
 * A batch of a line for each item, written as it comes: what is in memory is three pages, however long the file. With the first
 * mistake nothing more is written, but the rest is read, so that all mistakes are told.
 */
export async function submitLines(deps: Deps, req: Request, caller: Caller): Promise<SubmittedBatch> {
  const { name, webhook_url: webhookUrl = null, dry_run: isDryRun } = parseQuery(batchQuery, req.query);
  const idempotency = readIdempotencyKey(req, caller);
  const webhookErrors = (await deps.checkWebhookUrl(webhookUrl, caller.userId)).map((one) => ({
    ...one,
    pointer: '?webhook_url',
  }));
  const problems = [...webhookErrors, ...idempotency.errors];
  if (problems.length > 0) throw validationFailed(problems);
  // The body's part of the hash is its lines.
  const { request_hash: hashOfQuery, ...key } = idempotency.fields();
  const hash = createHash('sha256').update(`${hashOfQuery} ${name ?? ''} ${webhookUrl ?? ''}`);
  const planner = createItemPlanner(deps, caller);
  const limits = { mostBytes: MOST_LINE_BYTES, mostLines: BATCH_LIMITS.ndjson_lines };
  let total = 0;
  let cost = 0;

  const writePages = async (pages: WriteAhead<NewBatchImage[]>): Promise<void> => {
    let page: NewBatchImage[] = [];
    // Whoever stops reading must not end the connection, or the answer would not arrive.
    for await (const line of readLines(req.iterator({ destroyOnReturn: false }), limits)) {
      hash.update(line.text).update('\n');
      const item = await planner.plan(parseLine(line, planner.errors), pointerOfLine(line.number));
      if (!item) continue;
      total += 1;
      cost += item.estimated_cost_usd;
      if (isDryRun || planner.errors.length > 0) continue;
      page.push(item);
      if (page.length === PAGE) {
        await pages.write(page);
        page = [];
      }
    }
    if (planner.errors.length > 0) throw validationFailed(planner.errors);
    if (total === 0) throw validationFailed([{ pointer: '', code: 'too_small', detail: 'has no items' }]);
    if (page.length > 0) await pages.write(page);
    await pages.end();
  };
  const write: WriteImages = async (add) => {
    const pages = createWriteAhead(add);
    await writePages(pages).finally(pages.settle);
    return { total, hash: hash.digest('hex') };
  };

  if (isDryRun) {
    await write(async () => undefined);
    return { estimate: estimateOf(total, cost) };
  }
  const batch = newBatch(caller, { name: name ?? null, metadata: {}, webhook_url: webhookUrl, ...key });
  return { id: await deps.acceptBatch(batch, write) };
}

/** A line that is no JSON is one mistake among the others; the planner takes null for what it is. */
function parseLine({ number, text }: Line, errors: FieldError[]): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (errors.length === 0) throw new ApiError('malformed_json', `Line ${number} is no JSON.`);
    return null;
  }
}

const costOf = (items: NewBatchImage[]) => items.reduce((sum, item) => sum + item.estimated_cost_usd, 0);

const estimateOf = (images: number, cost: number): BatchEstimate => ({
  dry_run: true,
  images,
  estimated_cost_usd: Math.round(cost * 1e6) / 1e6,
});
