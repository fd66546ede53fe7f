import { admin } from './admin.ts';
import { apiKeys } from './api-keys.ts';
import { batches } from './batches.ts';
import { datasets } from './datasets.ts';
import { documentation } from './documentation.ts';
import { events } from './events.ts';
import { generation } from './generation.ts';
import { health } from './health.ts';
import { images } from './images.ts';
import type { Resource } from './operation.ts';
import { options } from './options.ts';
import { queue } from './queue.ts';
import { usage } from './usage.ts';
import { webhooks } from './webhooks.ts';

/** All that the API answers. Further routes have a file of their own here; one without a description fails a test. */
export const RESOURCES: Resource[] = [
  generation,
  images,
  batches,
  events,
  queue,
  datasets,
  options,
  apiKeys,
  webhooks,
  usage,
  health,
  documentation,
  admin,
];
