import type { BatchRecord } from '../client/batches.ts';
import { DarkroomError } from '../client/darkroom-error.ts';
import type { ImageRecord } from '../client/images.ts';
import type { Cli } from './cli.ts';
import { CliError, EXIT } from './exit-codes.ts';

export type Found = { image: ImageRecord } | { batch: BatchRecord };

/** What has this id: an image or, if there is none, a batch. @throws CliError when it is neither */
export async function findById({ client, call, url }: Cli, id: string): Promise<Found> {
  const image = await client.get(id, call).catch(nullIfUnknown);
  if (image) return { image };
  // Callers without a token have no batches, and are told so.
  const batch = await client.batches.get(id, call).catch((error: unknown) => {
    if (error instanceof DarkroomError && error.status === 401) return null;
    return nullIfUnknown(error);
  });
  if (batch) return { batch };
  throw new CliError(
    EXIT.failure,
    `${url} knows no image and no batch ${id} that you may see: is the id whole, and are you signed in as its user?`,
  );
}

function nullIfUnknown(error: unknown): null {
  if (error instanceof DarkroomError && error.status === 404 && error.code === 'not_found') return null;
  throw error;
}
