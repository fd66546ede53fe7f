import { z } from 'zod';
import {
  type DatasetRecord,
  datasetPage,
  datasetPatch,
  datasetRecord,
  datasetRequest,
  datasetsQuery,
} from '../dataset-schemas.ts';
import { BODY_REFUSALS, CALLER_REFUSALS, FORM_REFUSALS, type Operation, type Resource } from './operation.ts';

const ID = '0198b8a0-3333-7222-8333-444455556666';
const SELF = `/ai/datasets/${ID}`;
const FILES = 'https://project.supabase.co/storage/v1/object/public';

const EXAMPLE: DatasetRecord = {
  id: ID,
  name: 'Coffee',
  brand: 'Coffee Co.',
  vibe: 'cozy',
  unique_visual_elements: ['copper lamps', 'oak counter'],
  logo_url: null,
  shared: false,
  images: [
    {
      id: '0198b8a0-4444-7222-8333-444455556666',
      position: 0,
      mime_type: 'image/jpeg',
      url: `${FILES}/dataset-images/shared/${ID}/0198b8a0-4444-7222-8333-444455556666.jpeg`,
    },
  ],
  created_at: '2026-11-23T08:00:00.000Z',
  updated_at: '2026-11-23T08:00:00.000Z',
  links: { self: SELF, images: `${SELF}/images`, logo: `${SELF}/logo` },
};

const datasetPath = z.object({ id: z.guid().meta({ description: 'Of the dataset.' }) });
const imagePath = datasetPath.extend({ image_id: z.guid().meta({ description: 'Of its image.' }) });
const answered = (description: string) => ({ description, schema: datasetRecord, example: EXAMPLE });
const CHANGE_REFUSALS: Operation['refusals'] = ['forbidden', 'not_found', ...CALLER_REFUSALS];
const BODY = { name: 'Coffee', brand: 'Coffee Co.', vibe: 'cozy', unique_visual_elements: ['copper lamps'] };

export const datasets: Resource = {
  tag: 'datasets',
  description:
    'What prompts have in common: brand, vibe, visual elements, a logo and reference images. A dataset without owner is ' +
    'shared: all may use it, an admin changes it.',
  operations: [
    {
      method: 'get',
      path: '/ai/datasets',
      operationId: 'listDatasets',
      summary: 'List your datasets and the shared ones, newest first',
      access: 'anonymous or any',
      query: datasetsQuery,
      answers: {
        200: {
          description: 'A page.',
          schema: datasetPage,
          headers: ['Link'],
          example: { items: [EXAMPLE], limit: 50, next_cursor: null },
        },
      },
      refusals: ['validation_failed', ...CALLER_REFUSALS],
    },
    {
      method: 'post',
      path: '/ai/datasets',
      operationId: 'createDataset',
      summary: 'Make a dataset',
      description: 'An admin makes a shared one, or one for `owner_id`.',
      access: 'users and admins',
      body: { schema: datasetRequest, example: BODY },
      answers: { 201: { ...answered('Made.'), headers: ['Location'] } },
      refusals: ['forbidden', ...BODY_REFUSALS, ...CALLER_REFUSALS],
    },
    {
      method: 'get',
      path: '/ai/datasets/{id}',
      operationId: 'getDataset',
      summary: 'Read a dataset',
      access: 'anonymous or any',
      pathParams: datasetPath,
      answers: { 200: answered('The dataset.') },
      refusals: ['not_found', ...CALLER_REFUSALS],
    },
    {
      method: 'patch',
      path: '/ai/datasets/{id}',
      operationId: 'changeDataset',
      summary: 'Change a dataset',
      description: 'What is not named stays, null empties. Images that were made before stay as they are.',
      access: 'users and admins',
      pathParams: datasetPath,
      body: { schema: datasetPatch, example: { vibe: 'bright' } },
      answers: { 200: answered('As it is now.') },
      refusals: [...BODY_REFUSALS, ...CHANGE_REFUSALS],
    },
    {
      method: 'delete',
      path: '/ai/datasets/{id}',
      operationId: 'deleteDataset',
      summary: 'Delete a dataset and its files',
      description: 'Images that were made with it stay, without it.',
      access: 'users and admins',
      pathParams: datasetPath,
      answers: { 204: { description: 'Deleted.' } },
      refusals: CHANGE_REFUSALS,
    },
    {
      method: 'post',
      path: '/ai/datasets/{id}/images',
      operationId: 'addDatasetImages',
      summary: 'Add reference images',
      description:
        'PNG, JPEG or WebP by their bytes, 10 MB each; all are added or none. A dataset has 14 at most.',
      access: 'users and admins',
      pathParams: datasetPath,
      form: { field: 'images', many: true },
      answers: { 201: { ...answered('With the new images.'), headers: ['Location'] } },
      refusals: [...FORM_REFUSALS, ...CHANGE_REFUSALS],
    },
    {
      method: 'delete',
      path: '/ai/datasets/{id}/images/{image_id}',
      operationId: 'removeDatasetImage',
      summary: 'Remove a reference image',
      access: 'users and admins',
      pathParams: imagePath,
      answers: { 204: { description: 'Removed.' } },
      refusals: CHANGE_REFUSALS,
    },
    {
      method: 'put',
      path: '/ai/datasets/{id}/logo',
      operationId: 'setDatasetLogo',
      summary: 'Set the logo',
      access: 'users and admins',
      pathParams: datasetPath,
      form: { field: 'logo', many: false },
      answers: { 200: answered('With the logo.') },
      refusals: [...FORM_REFUSALS, ...CHANGE_REFUSALS],
    },
    {
      method: 'delete',
      path: '/ai/datasets/{id}/logo',
      operationId: 'removeDatasetLogo',
      summary: 'Take the logo away',
      access: 'users and admins',
      pathParams: datasetPath,
      answers: { 204: { description: 'It has none now.' } },
      refusals: CHANGE_REFUSALS,
    },
  ],
};
