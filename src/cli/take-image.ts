import { stat } from 'node:fs/promises';
import type { ImageRecord } from '../client/images.ts';
import type { Cli } from './cli.ts';
import { DownloadError } from './download.ts';
import { CliError, EXIT, type ExitCode } from './exit-codes.ts';
import { openImageFolder, saveAs } from './image-folder.ts';
import { printImage } from './show-image.ts';

/** Waits until the image has ended, saves it where that is asked for, and shows it. Answers the exit code. */
export async function waitForImage(cli: Cli, id: string, out: string | undefined): Promise<ExitCode> {
  const tell = ({ status }: ImageRecord): void => {
    if (!cli.json) cli.terminal.say(`${id}: ${status}`);
  };
  return takeImage(cli, await cli.client.wait(id, { signal: cli.signal, onChange: tell }), out);
}

/** An image that has ended: saved where that is asked for, and shown. Answers the exit code. */
export async function takeImage(cli: Cli, image: ImageRecord, out: string | undefined): Promise<ExitCode> {
  const isThere = image.status === 'succeeded';
  const file = out === undefined ? undefined : isThere ? await save(cli, image, out) : null;
  await printImage(cli, image, file);
  return isThere ? EXIT.ok : EXIT.someFailed;
}

/** `out` is a folder if it is one or ends like one; else the file itself. */
async function save(cli: Cli, image: ImageRecord, out: string): Promise<string> {
  const fetching = { signal: cli.signal, say: cli.terminal.say };
  try {
    const isFolder = /[\\/]$/.test(out) || ((await stat(out).catch(() => null))?.isDirectory() ?? false);
    if (!isFolder) return (await saveAs(image, out, fetching)).path;
    const folder = await openImageFolder(out, fetching);
    return (await folder.save(image)).path;
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error;
    throw new CliError(EXIT.someFailed, `The file of ${image.id} cannot be had: ${error.message}.`, {
      cause: error,
    });
  }
}
