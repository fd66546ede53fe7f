import { getContainerRuntimeClient, ImageName } from 'testcontainers';
import { readComposeFile, serviceOf } from '../deploy/compose-file.ts';
import { SERVICES } from './start-containers.ts';

/** Why no containers can be started here, in one line: no Docker, or an image that is neither here nor to be had. Null: nothing. */
export async function findMissing(getClient = getContainerRuntimeClient): Promise<string | null> {
  const client = await getClient().catch((error: unknown) => firstLine(error));
  if (typeof client === 'string') return `Docker is missing: ${client}`;
  const { services } = readComposeFile();
  for (const name of Object.keys(SERVICES)) {
    const { image } = serviceOf(services, name);
    const imageName = ImageName.fromString(image);
    if (await client.image.exists(imageName)) continue;
    try {
      await client.image.pull(imageName);
    } catch (error) {
      return `The image ${image} is neither here nor can it be pulled: ${firstLine(error)}`;
    }
  }
  return null;
}

const firstLine = (error: unknown) =>
  String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
