import { z } from 'zod';
import { eventsQuery } from '../events/events-schema.ts';
import { PENDING_IMAGE, SUCCEEDED_IMAGE } from './examples.ts';
import { CALLER_REFUSALS, type Resource } from './operation.ts';

const POSITION = '1795507211000-0';

const DESCRIPTION = [
  'Server-sent events (HTML, 9.2), for a browser’s EventSource or any client of it. Each has one line of JSON as its `data`:',
  [
    '| event | data | |',
    '|---|---|---|',
    '| `image.updated` | `{"image": GeneratedImage}` | the image as it is now; `status_sequence` has risen |',
    '| `image.deleted` | `{"image": {"id", "status_sequence"}}` | it is 410 from now on |',
    '| `batch.updated` | `{"batch": Batch}` | its counts have moved, or it was canceled or has ended; once a second at most |',
    '| `resync` | `{"reason"}` | it could not be gone on from `Last-Event-ID`: `unknown`, `too_old` (an hour) or `too_much` (1,000 ' +
      'images). What is under way follows; what has ended meanwhile is to be read elsewhere |',
  ].join('\n'),
  'Without `Last-Event-ID` a stream begins with what is under way: the oldest 500 images, and the newest 20 batches. With ' +
    'it, what has changed since is told first, from whichever process. What changes more than once in a moment is told as ' +
    'it is then; no final status is left out. On one connection nothing is told twice. After a reconnect what was told in ' +
    'the last seconds may come again: drop what has no higher `status_sequence`. Ignore events that you do not know.',
  'An admin hears of what admins have made, and with `image_id` or `batch_id` of anything.',
  'A comment comes every 15 seconds. After an hour, or when its process leaves, a stream ends; clients come back by ' +
    'themselves. One that does not take what is sent for 30 seconds, or falls 2,000 images behind, is cut off. A caller ' +
    'has 5 streams at most, those by `links.events` among them; admins have as many as they like.',
].join('\n\n');

const EXAMPLE = [
  `event: image.updated\nid: ${POSITION}\ndata: ${JSON.stringify({ image: PENDING_IMAGE })}\n\n`,
  `event: image.updated\nid: 1795507219000-0\ndata: ${JSON.stringify({ image: SUCCEEDED_IMAGE })}\n\n`,
].join('');

export const events: Resource = {
  tag: 'events',
  description: 'What happens to images and batches, as it happens.',
  operations: [
    {
      method: 'get',
      path: '/ai/events',
      operationId: 'streamEvents',
      summary: 'Follow images and batches',
      description: DESCRIPTION,
      access: 'anonymous or any, or by link',
      query: eventsQuery,
      headers: ['Last-Event-ID'],
      answers: {
        200: {
          description: 'Events, without an end.',
          schema: z.string(),
          contentType: 'text/event-stream',
          example: EXAMPLE,
        },
      },
      refusals: ['validation_failed', 'not_found', 'gone', 'too_many_streams', ...CALLER_REFUSALS],
    },
  ],
};
