import type { Failpoint } from '../shared/failpoints.ts';
import {
  type ClaimedGeneration,
  type CompletedImage,
  ERROR_CODES,
  type ErrorCode,
} from '../shared/generation.ts';
import type { Logger } from '../shared/logger.ts';
import { type Models, RESOLUTIONS, type Resolution } from '../shared/models.ts';
import type { Storage } from '../shared/storage.ts';
import { findStoredImage } from './adopt-image.ts';
import type { FetchUrl } from './fetch-url.ts';
import type { Gemini, ImageOrder, MadeImage } from './gemini.ts';
import { noImage } from './gemini-answer.ts';
import { GenerationError } from './generation-error.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { ImageFiles } from './image-files.ts';
import { inspectImage } from './inspect-image.ts';
import { fetchReferenceImages } from './reference-images.ts';
import type { ShrinkImage } from './shrink-image.ts';
import { storeImage } from './store-image.ts';
import type { Thumbnails } from './thumbnails.ts';

/** What an attempt has come to, for whoever has to report when it is stopped in the middle. */
export type Progress = { callStarted: boolean; uploadPath: string | null };

/**
 * From a claimed row to a stored image: adopt what an earlier attempt has stored, or call Gemini once and upload.
 *
 * @throws GenerationError, an outcome for the row; a StopReason, thrown as `signal` aborts with it
 */
export function createMakeImage(deps: {
  storage: Storage;
  /** Where the stored reference images come from. */
  references: Pick<Storage, 'download'>;
  gemini: Gemini;
  imageFiles: Pick<ImageFiles, 'checkRoom'>;
  fetchUrl: FetchUrl;
  shrinkImage: ShrinkImage;
  thumbnails: Thumbnails;
  models: Models;
  heartbeat: Pick<Heartbeat, 'mayCall'>;
  failpoint: Failpoint;
  log: Logger;
}) {
  return async (row: ClaimedGeneration, progress: Progress, signal: AbortSignal): Promise<CompletedImage> => {
    signal.throwIfAborted();
    if (row.attempt > 1) {
      const stored = await findStoredImage(deps.storage, row, signal);
      if (stored?.thumbnail_path === null) {
        return { ...stored, ...(await deps.thumbnails.ofStored(stored, signal)) };
      }
      if (stored) return stored;
    }
    if (!row.call_allowed) throw noCallAllowed(row);
    const order = await prepareOrder(row);
    await deps.imageFiles.checkRoom();
    if (!(await deps.heartbeat.mayCall())) throw notHeard();

    signal.throwIfAborted();
    progress.callStarted = true;
    deps.failpoint('worker.before_call', row.full_prompt);
    const calledAt = performance.now();
    const answer = await deps.gemini.generateImage(order, signal);
    const upstreamMs = Math.round(performance.now() - calledAt);
    deps.failpoint('worker.after_call', row.full_prompt);
    try {
      return await store(answer, order, upstreamMs);
    } finally {
      await answer.discard();
    }

    async function store(answer: MadeImage, order: ImageOrder, upstreamMs: number): Promise<CompletedImage> {
      const image = await inspectImage(answer.image, {
        format: row.format,
        aspectRatio: order.aspectRatio,
        resolution: order.model.takes_image_size ? order.resolution : null,
      });
      if (!image) throw noImage('Gemini answered with an image that cannot be read.', answer);

      const path = `${row.folder}/${row.attempt}.${image.format}`;
      const facts = {
        mime_type: image.mimeType,
        width: image.width,
        height: image.height,
        sha256: image.sha256,
        usage: answer.usage,
        cost_usd: answer.costUsd,
        upstream_ms: upstreamMs,
        warnings: [...answer.warnings, ...image.warnings],
      };
      const uploadedFrom = performance.now();
      progress.uploadPath = path;
      const storeThumbnail = deps.thumbnails.draw({ ...image, storage_path: path }, signal);
      await storeImage(deps, { path, ...image, metadata: { ...facts, model: row.model } }, signal);
      deps.failpoint('worker.after_upload', row.full_prompt);
      const uploadMs = Math.round(performance.now() - uploadedFrom);
      return {
        ...facts,
        image_url: deps.storage.imageUrl(path),
        storage_path: path,
        ...(await storeThumbnail()),
        bytes: image.bytes,
        upload_ms: uploadMs,
        billed: true,
      };
    }

    async function prepareOrder(row: ClaimedGeneration): Promise<ImageOrder> {
      const model = deps.models.byId.get(row.model);
      if (!model) {
        const message = `The model ${row.model} is not in this worker's configuration.`;
        throw new GenerationError({ code: 'misconfigured', message, errorClass: 'permanent', billed: false });
      }
      return {
        model,
        prompt: row.full_prompt,
        references: await fetchReferenceImages(
          { ...deps, storage: deps.references },
          row.reference_images,
          signal,
        ),
        aspectRatio: row.aspect_ratio,
        resolution: toResolution(row.resolution),
      };
    }
  };
}

export type MakeImage = ReturnType<typeof createMakeImage>;

function toResolution(resolution: string | null): Resolution {
  return RESOLUTIONS.find((known) => known === resolution) ?? '1K';
}

/** Nothing to adopt, and as much was paid or tried as may be: the last known reason, or that nobody knows. */
function noCallAllowed(row: ClaimedGeneration): GenerationError {
  const known = ERROR_CODES.find((code) => code === row.error?.code);
  const code: ErrorCode = row.failures >= row.max_failures && known ? known : 'outcome_unknown';
  return new GenerationError({
    code,
    message:
      code === 'outcome_unknown'
        ? 'Calls for this image were started and their outcome was never learned; no further one is paid for.'
        : (row.error?.message ?? 'Too many attempts failed.'),
    errorClass: 'permanent',
    retryable: code === 'outcome_unknown' || row.error?.retryable === true,
    billed: false,
    ...(row.error?.upstream && { upstream: row.error.upstream }),
  });
}

function notHeard(): GenerationError {
  return new GenerationError({
    code: 'internal',
    message: 'The worker was cut off from the database before its call.',
    errorClass: 'wait',
    billed: false,
  });
}
