import { z } from 'zod';
import { historyQuery } from '../history-query.ts';
import { historyPage, imageRecord } from '../record-schema.ts';
import { CANCELED_IMAGE, PENDING_IMAGE, SUCCEEDED_IMAGE } from './examples.ts';
import { listImageEvents } from './image-events.ts';
import { imagePath } from './image-path.ts';
import { CALLER_REFUSALS, type Resource } from './operation.ts';

/** OpenAPI has no parameter whose name is the caller's: an object in form style is the nearest, `metadata.<key>` its names. */
const metadataFilter = z
  .record(z.string(), z.string())
  .optional()
  .meta({
    description: 'Each as `metadata.<key>=<value>`: images whose metadata has this value under this key.',
    param: { style: 'form', explode: true, example: { 'metadata.row': '17' } },
  });

export const images: Resource = {
  tag: 'images',
  description: 'The images of the caller. Those of others are not found.',
  operations: [
    {
      method: 'get',
      path: '/ai/generated-images',
      operationId: 'listImages',
      summary: 'Search images, newest first',
      description:
        'Filters are combined by and. `user_id` is for admins. A page is best asked for by `cursor`.',
      access: 'anonymous or any',
      query: z.object({ ...historyQuery.shape, metadata: metadataFilter }),
      answers: {
        200: {
          description: 'A page.',
          schema: historyPage,
          headers: ['Link'],
          example: { items: [SUCCEEDED_IMAGE], limit: 50, offset: 0, next_cursor: null },
        },
      },
      refusals: ['validation_failed', 'forbidden', ...CALLER_REFUSALS],
    },
    {
      method: 'get',
      path: '/ai/generated-images/{id}',
      operationId: 'getImage',
      summary: 'Read an image',
      description:
        '200 whatever its state. `Prefer: wait` holds the answer until the image has changed; with `If-None-Match` no ' +
        'change is missed. A 304 may hide that the place in the queue has moved.',
      access: 'anonymous or any',
      pathParams: imagePath,
      headers: ['Prefer', 'If-None-Match'],
      answers: {
        200: {
          description: 'The image. `Retry-After` while it is not finished.',
          schema: imageRecord,
          headers: ['ETag', 'Retry-After', 'Preference-Applied'],
          example: SUCCEEDED_IMAGE,
        },
        304: {
          description: 'You have it as it is.',
          headers: ['ETag', 'Retry-After', 'Preference-Applied'],
        },
      },
      refusals: ['not_found', 'gone', ...CALLER_REFUSALS],
    },
    {
      method: 'delete',
      path: '/ai/generated-images/{id}',
      operationId: 'deleteImage',
      summary: 'Delete an image and its file',
      description:
        'Cancels it if it is not finished. Asked again it is 204 again; reads are 410 from now on. What belongs to ' +
        'nobody is deleted from the address that asked for it, or by an admin.',
      access: 'anonymous or any',
      pathParams: imagePath,
      answers: { 204: { description: 'Deleted.' } },
      refusals: ['not_found', 'forbidden', ...CALLER_REFUSALS],
    },
    {
      method: 'get',
      path: '/ai/generated-images/{id}/image',
      operationId: 'getImageFile',
      summary: 'Follow the lasting link of the file',
      description: 'The link to store: it leads to the file wherever that is.',
      access: 'anonymous or any',
      pathParams: imagePath,
      answers: { 302: { description: 'The file is at `Location`.', headers: ['Location'] } },
      refusals: ['not_found', 'image_not_ready', 'gone', ...CALLER_REFUSALS],
    },
    listImageEvents,
    {
      method: 'post',
      path: '/ai/generated-images/{id}/cancel',
      operationId: 'cancelImage',
      summary: 'Stop an image',
      description:
        'Never a conflict: a finished image stays as it is. A call under way may be billed all the same. What belongs ' +
        'to nobody is stopped from the address that asked for it, or by an admin.',
      access: 'anonymous or any',
      pathParams: imagePath,
      answers: {
        200: {
          description: 'It has ended, now or before.',
          schema: imageRecord,
          headers: ['ETag'],
          example: CANCELED_IMAGE,
        },
        202: {
          description: 'Its worker is still stopping.',
          schema: imageRecord,
          headers: ['ETag', 'Retry-After'],
          example: {
            ...PENDING_IMAGE,
            status: 'processing',
            status_sequence: 3,
            attempt: 1,
            queue_position: null,
            started_at: '2026-11-23T08:00:02.100Z',
            cancel_requested_at: '2026-11-23T08:00:04.000Z',
          },
        },
      },
      refusals: ['not_found', 'gone', 'forbidden', ...CALLER_REFUSALS],
    },
  ],
};
