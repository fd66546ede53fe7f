import { getContainerRuntimeClient, ImageName } from 'testcontainers';
// Which image that is nothing else of testcontainers tells, and nothing works without it.
import { getReaperImage } from 'testcontainers/build/reaper/reaper.js';
import { readComposeFile, serviceOf } from '../deploy/compose-file.ts';
import { SERVICES } from './start-containers.ts';

/** Why no containers can be started here, in one line: no Docker, or an image that is neither here nor to be had. Null: nothing. */
export async function findMissing(getClient = getContainerRuntimeClient): Promise<string | null> {
  const client = await getClient().catch((error: unknown) => firstLine(error));
  if (typeof client === 'string') return `Docker is missing: ${client}`;
  for (const image of imagesNeeded()) {
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

/** Of the servers; and of what removes their containers when this process is killed, unless that is switched off. */
export function imagesNeeded(env = process.env): string[] {
  const { services } = readComposeFile();
  const servers = Object.keys(SERVICES).map((name) => serviceOf(services, name).image);
  return env.TESTCONTAINERS_RYUK_DISABLED === 'true' ? servers : [...servers, getReaperImage()];
}

const firstLine = (error: unknown) =>
  String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
