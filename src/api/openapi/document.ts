import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import { describeOperation } from './describe-operation.ts';
import { renderSchema } from './render-schema.ts';
import { RESOURCES } from './resources.ts';
import { SECURITY_SCHEMES } from './security.ts';

/** Of the contract, not of the program: a breaking change raises the first number. */
const CONTRACT_VERSION = '1.0.0';

const DESCRIPTION = [
  'Turns prompts into stored, tracked images. Submit, then ask at `Location` until the image has ended.',
  'Answers may get more fields, and `status` and `code` more values, without notice: ignore what you do not know.',
  'A refusal is `application/problem+json`; decide by its `code`. An unknown path is 404 `not_found`, a method that a ' +
    'path does not have 405 `method_not_allowed` with `Allow`. `HEAD` goes wherever `GET` does.',
].join('\n\n');

/** The OpenAPI document, of the same schemas that read requests and type answers. */
export function createOpenApiDocument() {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { tag, operations } of RESOURCES) {
    for (const operation of operations) {
      const described = { [operation.method]: describeOperation(operation, tag) };
      paths[operation.path] = { ...paths[operation.path], ...described };
    }
  }
  return createDocument(
    {
      openapi: '3.1.1',
      info: {
        title: 'Darkroom',
        version: CONTRACT_VERSION,
        description: DESCRIPTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }],
      tags: RESOURCES.map(({ tag, description }) => ({ name: tag, description })),
      paths: paths as ZodOpenApiPathsObject,
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    // What is `unknown` has the empty schema: any JSON.
    { override: renderSchema, allowEmptySchema: { nonoptional: true } },
  );
}
