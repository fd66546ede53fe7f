import { z } from 'zod';
import { generateRequest } from '../generate-request.ts';
import { generationEstimate, imageRecord } from '../record-schema.ts';
import { GENERATE_EXAMPLE, PENDING_IMAGE, SUCCEEDED_IMAGE } from './examples.ts';
import { imagePath } from './image-path.ts';
import { type Answer, BODY_REFUSALS, CALLER_REFUSALS, type Operation, type Resource } from './operation.ts';

const SUBMIT_HEADERS: Operation['headers'] = ['Idempotency-Key', 'Prefer'];
const SUBMIT_REFUSALS: Operation['refusals'] = [
  ...BODY_REFUSALS,
  'idempotency_key_reused',
  'idempotency_in_progress',
  'gone',
  'queue_full',
  ...CALLER_REFUSALS,
];

const ENDED_OR_ESTIMATED =
  'It ended within `Prefer: wait`; or with `dry_run` what it would cost, and nothing was stored.';

const accepted: Answer = {
  description: 'Accepted. Ask at `Location` until it has ended.',
  schema: imageRecord,
  headers: ['Location', 'Retry-After', 'ETag', 'Preference-Applied'],
  example: PENDING_IMAGE,
};

export const generation: Resource = {
  tag: 'generation',
  description:
    'Ask for an image. It is made by a queue; nothing that a client does to its connection stops it.',
  operations: [
    {
      method: 'post',
      path: '/ai/generate',
      operationId: 'generateImage',
      summary: 'Ask for an image',
      description:
        'Answers at once with the pending record, or with `Prefer: wait=20` once it has ended, if that is soon enough. ' +
        'Every bad field is told at once. A 503 whose `instance` is the address of an image may have accepted it: ' +
        'look there before sending it again.',
      access: 'anonymous or any',
      headers: SUBMIT_HEADERS,
      body: { schema: generateRequest.meta({ id: 'GenerateRequest' }), example: GENERATE_EXAMPLE },
      answers: {
        200: {
          description: ENDED_OR_ESTIMATED,
          schema: z.union([imageRecord, generationEstimate]),
          headers: ['Preference-Applied'],
          someHeaders: ['Location', 'ETag'],
          example: SUCCEEDED_IMAGE,
        },
        202: accepted,
      },
      refusals: SUBMIT_REFUSALS,
    },
    {
      method: 'post',
      path: '/ai/generated-images/{id}/regenerate',
      operationId: 'regenerateImage',
      summary: 'Make an image again',
      description:
        'A new image of the stored request, with what the body changes, if there is one. As long as what is to be ' +
        'drawn stays the same (`prompt`, `style`, `dataset_id`, `reference_images`), the prompt is the stored one ' +
        'to the letter.',
      access: 'anonymous or any',
      pathParams: imagePath,
      headers: SUBMIT_HEADERS,
      body: {
        schema: generateRequest.partial().meta({ id: 'RegenerateRequest' }),
        example: { quality: 'high' },
        isOptional: true,
      },
      answers: {
        200: {
          description: ENDED_OR_ESTIMATED,
          schema: z.union([imageRecord, generationEstimate]),
          headers: ['Preference-Applied'],
          someHeaders: ['Location', 'ETag'],
          example: SUCCEEDED_IMAGE,
        },
        202: accepted,
      },
      refusals: ['not_found', ...SUBMIT_REFUSALS],
    },
  ],
};
