import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageRecord } from '../client/images.ts';
import { createDownload, DownloadError, type Fetching } from './download.ts';
import { namesOf } from './file-name.ts';
import { giveName, isImage, isLeftOver, partName } from './image-file.ts';

/** Where an image lies, and whether it lay there before. */
export type Saved = { path: string; wasThere: boolean };

export type ImageFolder = {
  /**
   * Puts a succeeded image there, if it is not there yet, and answers where. What else lies there stays as it is.
   *
   * @throws DownloadError; what the file system refuses; the signal's reason
   */
  save(image: ImageRecord): Promise<Saved>;
};

type Found = { name: string; isThere: boolean };

/** A folder for images; it is made, and what a killed process left half is removed. */
export async function openImageFolder(folder: string, fetching: Fetching): Promise<ImageFolder> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    if (isLeftOver(name)) await unlink(join(folder, name)).catch(() => undefined);
  }
  const download = createDownload(fetching);
  /** Names by whose they are, so that two images of this command never want the same one. Not all file systems tell cases apart. */
  const owners = new Map<string, string>();
  let parts = 0;

  /** The name under which the image lies already, or else the first that is free. */
  const findName = async (image: ImageRecord): Promise<Found> => {
    const names = namesOf(image);
    for (const name of names) {
      const owner = owners.get(name.toLowerCase());
      if (owner !== undefined && owner !== image.id) continue;
      owners.set(name.toLowerCase(), image.id);
      const path = join(folder, name);
      if (await isImage(path, image)) return { name, isThere: true };
      if (!(await stat(path).catch(() => null))) return { name, isThere: false };
    }
    throw new DownloadError(`${names.at(-1)} is there and is something else`);
  };

  /** Another process may be quicker to take a name, or to save the same image. */
  const putInPlace = async (image: ImageRecord, part: string, found: Found): Promise<Saved> => {
    const path = join(folder, found.name);
    if (found.isThere) return { path, wasThere: true };
    if (await giveName(part, path, { overwrite: false })) return { path, wasThere: false };
    return putInPlace(image, part, await findName(image));
  };

  return {
    async save(image) {
      if (image.image_url === null) throw new DownloadError('it has no address');
      const first = await findName(image);
      if (first.isThere) return { path: join(folder, first.name), wasThere: true };
      const part = join(folder, partName(parts++));
      try {
        await download(image.image_url, part, image);
        return await putInPlace(image, part, first);
      } finally {
        await unlink(part).catch(() => undefined);
      }
    },
  };
}

/** Puts a succeeded image into this file, in place of what may be there. @throws as `save` does */
export async function saveAs(image: ImageRecord, path: string, fetching: Fetching): Promise<Saved> {
  if (await isImage(path, image)) return { path, wasThere: true };
  if (image.image_url === null) throw new DownloadError('it has no address');
  const part = join(path, '..', partName(0));
  await createDownload(fetching)(image.image_url, part, image);
  await giveName(part, path, { overwrite: true });
  return { path, wasThere: false };
}
