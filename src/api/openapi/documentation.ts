import { z } from 'zod';
import { DOCS_FILES } from '../docs-files.ts';
import type { Resource } from './operation.ts';

const page = z.string();

export const documentation: Resource = {
  tag: 'documentation',
  description: 'This document, to read by programs and by people, and a page of what it describes.',
  operations: [
    {
      method: 'get',
      path: '/openapi.json',
      operationId: 'getOpenApiDocument',
      summary: 'Read this document',
      access: 'nobody asked',
      headers: ['If-None-Match'],
      answers: {
        200: {
          description: 'An OpenAPI 3.1 document.',
          schema: z.looseObject({ openapi: z.string(), paths: z.looseObject({}) }),
          headers: ['ETag'],
        },
        304: { description: 'You have it as it is.', headers: ['ETag'] },
      },
      refusals: [],
    },
    {
      method: 'get',
      path: '/docs',
      operationId: 'getDocumentationPage',
      summary: 'Browse this document',
      access: 'nobody asked',
      headers: ['If-None-Match'],
      answers: {
        200: {
          description: 'The page, at `/docs/`.',
          schema: page,
          contentType: 'text/html',
          headers: ['ETag'],
        },
        304: { description: 'You have it as it is.', headers: ['ETag'] },
        301: { description: 'To `/docs/`, where its files are beside it.', headers: ['Location'] },
      },
      refusals: [],
    },
    {
      method: 'get',
      path: '/docs/{file}',
      operationId: 'getDocumentationFile',
      summary: 'Read a file of the page',
      access: 'nobody asked',
      pathParams: z.object({ file: z.enum(Object.keys(DOCS_FILES) as [string, ...string[]]) }),
      headers: ['If-None-Match'],
      answers: {
        200: { description: 'The file.', schema: page, contentType: '*/*', headers: ['ETag'] },
        304: { description: 'You have it as it is.', headers: ['ETag'] },
      },
      refusals: ['not_found'],
    },
    {
      method: 'get',
      path: '/',
      operationId: 'getPage',
      summary: 'Make and look at images',
      access: 'nobody asked',
      headers: ['If-None-Match'],
      answers: {
        200: {
          description: 'The page, for a browser.',
          schema: page,
          contentType: 'text/html',
          headers: ['ETag'],
        },
        304: { description: 'You have it as it is.', headers: ['ETag'] },
      },
      refusals: [],
    },
    pageFile('/web/{file}', 'getPageFile', 'Read a file of that page'),
    pageFile('/client/{file}', 'getClientFile', 'Read a file of the client that it is built on'),
  ],
};

function pageFile(path: string, operationId: string, summary: string): Resource['operations'][number] {
  return {
    ...{ method: 'get', path, operationId, summary, access: 'nobody asked' },
    pathParams: z.object({ file: z.string().meta({ description: 'A name that another of the files has.' }) }),
    headers: ['If-None-Match'],
    answers: {
      200: { description: 'The file.', schema: page, contentType: '*/*', headers: ['ETag'] },
      304: { description: 'You have it as it is.', headers: ['ETag'] },
    },
    refusals: ['not_found'],
  };
}
