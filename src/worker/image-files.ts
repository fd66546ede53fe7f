import { randomUUID } from 'node:crypto';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempFolder, sweepTempFolders } from '../shared/temp-folders.ts';
import { GenerationError } from './generation-error.ts';
import { createImageFile, type ImageFile } from './image-file.ts';
import type { ReceivedImage } from './received-image.ts';
import { type LongString, sieveJson } from './sieve-json.ts';

/** With less room than this no call is made: its image might be lost for it. */
const LEAST_ROOM_BYTES = 128 * 1024 * 1024;
/** So long what was found holds: at most a few images begin meanwhile. */
const ROOM_KNOWN_MS = 100;
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT']);

/** The images of one answer. */
export type AnswerFiles = {
  /**
   * The JSON of an answer, with something short in place of each large image.
   *
   * @throws GenerationError when the disk is full; what the body breaks with
   */
  takeImages(body: AsyncIterable<Uint8Array>): Promise<string>;
  /** The image that `data` stands for; null when it is an image itself. */
  find(data: string): ReceivedImage | null;
  remove(): Promise<void>;
};

export type ImageFiles = {
  /** @throws GenerationError, a wait, when the disk is nearly full */
  checkRoom(): Promise<void>;
  open(): AnswerFiles;
  close(): Promise<void>;
};

/**
 * Where large images lie between Gemini and Storage, so that many at once are no load for the memory: in a folder of this
 * process, below the system's own for temporary files. What a killed process has left goes when the next one starts.
 */
export async function openImageFiles({ leastRoomBytes = LEAST_ROOM_BYTES } = {}): Promise<ImageFiles> {
  await sweepTempFolders('image');
  const folder = await makeTempFolder('image');
  let look = statfs(folder);
  look.catch(() => undefined);
  let lookedAt = performance.now();
  return {
    async checkRoom() {
      if (performance.now() - lookedAt > ROOM_KNOWN_MS) {
        lookedAt = performance.now();
        look = statfs(folder);
      }
      const { bavail, bsize } = await look;
      if (bavail * bsize < leastRoomBytes) throw noRoom({ errorClass: 'wait', billed: false });
    },
    open: () => openAnswerFiles(folder),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

function openAnswerFiles(folder: string): AnswerFiles {
  const files = new Map<string, ImageFile>();
  /** By names that nobody outside can know: a model's own words may not name a file. */
  const images = new Map<string, ReceivedImage>();

  const openLongString = async (): Promise<LongString> => {
    const path = join(folder, randomUUID());
    const file = await createImageFile(path);
    files.set(path, file);
    return {
      write: file.write,
      async end() {
        const name = randomUUID();
        images.set(name, await file.end());
        return name;
      },
    };
  };

  return {
    async takeImages(body) {
      try {
        return await sieveJson(body, openLongString);
      } catch (error) {
        if (!NO_ROOM.has(String((error as NodeJS.ErrnoException).code))) throw error;
        throw noRoom({ errorClass: 'retryable', billed: true, cause: error });
      }
    },
    find: (data) => images.get(data) ?? null,
    async remove() {
      for (const [path, file] of files) {
        await file.close();
        await rm(path, { force: true });
      }
    },
  };
}

function noRoom(fields: {
  errorClass: 'wait' | 'retryable';
  billed: boolean;
  cause?: unknown;
}): GenerationError {
  const message = 'The disk that the worker keeps images on for a moment is full.';
  return new GenerationError({ code: 'internal', message, ...fields });
}
