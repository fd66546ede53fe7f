import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import type { Request } from 'express';
import { ApiError } from './api-error.ts';
import { DATASET_LIMITS } from './dataset-schemas.ts';
import { pointerOf, validationFailed } from './validation.ts';

/** What a form may hold beside its files: boundaries, headers, whatever stands before the first part. */
const MOST_OVERHEAD = 1024 * 1024;
/** Of a field's name in a refusal. */
const MOST_NAME_CHARACTERS = 100;

/** Where the files of a form are, how many, and how each of them is named in a refusal. */
export type FileField = { name: string; most: number; pointerOfFile: (index: number) => string };
export type ReceivedFile = { path: string; bytes: number; pointer: string };

/**
 * Takes the files of a multipart form into `folder` as they come in: only a few chunks are ever in memory. The first
 * thing that is wrong ends it, since nobody should have to send a hundred megabytes to be refused. What the client
 * still sends then is left unread (discard-rest.ts).
 *
 * @throws ApiError unsupported_media_type, malformed_multipart, payload_too_large or validation_failed
 */
export async function receiveFiles(req: Request, folder: string, field: FileField): Promise<ReceivedFile[]> {
  const form = openForm(req, field);
  const ended = new AbortController();
  const refuse = (error: unknown) => ended.abort(error);
  const contents: BusboyFileStream[] = [];
  const files: Promise<ReceivedFile>[] = [];

  form.on('file', (name: string | undefined, content) => {
    content.on('error', () => refuse(cutShort()));
    if (name !== field.name) return refuse(unknownField(name));
    const path = join(folder, String(files.length));
    const pointer = field.pointerOfFile(files.length);
    content.once('limit', () => refuse(tooLarge(pointer)));
    const written = pipeline(content, createWriteStream(path, { flags: 'wx' }), { signal: ended.signal });
    written.catch(refuse);
    contents.push(content);
    files.push(written.then(() => ({ path, bytes: content.bytesRead, pointer })));
  });
  form.on('field', (name: string | undefined) =>
    refuse(name === field.name ? noFile(field.pointerOfFile(files.length)) : unknownField(name)),
  );
  form.on('filesLimit', () => refuse(tooMany(field)));

  try {
    const bytesInFiles = () => contents.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    await feed(req, form, { signal: ended.signal, refuse, bytesInFiles });
    const received = await Promise.all(files);
    if (received.length === 0) throw missing(field);
    return received;
  } catch (error) {
    refuse(error);
    // The folder is removed next: nobody may write into it any more.
    await Promise.allSettled(files);
    throw ended.signal.reason;
  }
}

function openForm(req: Request, field: FileField): BusboyInstance {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = req.headers;
  if (!/^multipart\/form-data *(;|$)/i.test(type) || encoding !== 'identity') {
    throw new ApiError('unsupported_media_type', 'Send the files as multipart/form-data, not compressed.');
  }
  try {
    return new Busboy({
      headers: { ...req.headers, 'content-type': type },
      limits: { files: field.most, fileSize: DATASET_LIMITS.file_bytes, fieldSize: 1_024, headerPairs: 20 },
    });
  } catch (cause) {
    throw new ApiError('malformed_multipart', 'The Content-Type names no boundary.', { cause });
  }
}

/** Resolves when the form has been read to its end. By hand, because `pipeline` would close the connection that the answer needs. */
async function feed(
  req: Request,
  form: BusboyInstance,
  run: { signal: AbortSignal; refuse: (error: unknown) => void; bytesInFiles: () => number },
): Promise<void> {
  let received = 0;
  const onData = (chunk: Buffer) => {
    received += chunk.length;
    if (received - run.bytesInFiles() > MOST_OVERHEAD) run.refuse(tooLarge(''));
  };
  const onBroken = () => !req.readableEnded && run.refuse(cutShort());
  form.on('error', (cause) => run.refuse(cutShort(cause)));
  req.on('data', onData).on('error', onBroken).on('close', onBroken);
  try {
    if (req.destroyed && !req.readableEnded) throw cutShort();
    await new Promise<void>((resolve, reject) => {
      run.signal.addEventListener('abort', () => reject(run.signal.reason));
      form.once('finish', resolve);
      req.pipe(form);
    });
  } finally {
    req.unpipe(form).off('data', onData).off('close', onBroken);
  }
}

const cutShort = (cause?: unknown) =>
  new ApiError('malformed_multipart', 'The form did not arrive whole.', { cause });

function tooLarge(pointer: string): ApiError {
  const detail = `has more than ${DATASET_LIMITS.file_bytes} bytes`;
  return new ApiError('payload_too_large', `A file may have ${DATASET_LIMITS.file_bytes} bytes.`, {
    errors: pointer === '' ? [] : [{ pointer, code: 'too_big', detail }],
  });
}

function unknownField(name = ''): ApiError {
  const pointer = pointerOf([name.slice(0, MOST_NAME_CHARACTERS).toWellFormed()]);
  return validationFailed([{ pointer, code: 'unknown_field', detail: 'There is no such field.' }]);
}

const noFile = (pointer: string) =>
  validationFailed([{ pointer, code: 'invalid_type', detail: 'is a text, not a file' }]);

const missing = (field: FileField) =>
  validationFailed([
    { pointer: pointerOf([field.name]), code: 'required', detail: 'This field is required.' },
  ]);

const tooMany = (field: FileField) =>
  validationFailed([
    {
      pointer: field.pointerOfFile(field.most),
      code: 'too_many',
      detail: field.most === 1 ? 'one file is the most' : `${field.most} files are the most`,
    },
  ]);
