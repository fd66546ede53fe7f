import { apiKeys } from './api-keys.ts';
import { documentation } from './documentation.ts';
import { generation } from './generation.ts';
import { health } from './health.ts';
import { images } from './images.ts';
import type { Resource } from './operation.ts';
import { options } from './options.ts';

/** All that the API answers. A route that is not described here fails a test. */
export const RESOURCES: Resource[] = [generation, images, options, apiKeys, health, documentation];
