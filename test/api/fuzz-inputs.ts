import fc from 'fast-check';
import type { z } from 'zod';
import type { Operation } from '../../src/api/openapi/operation.ts';
import { UNKNOWN_ID } from './api-client.ts';
import type { Asked } from './ask-operation.ts';
import { drawForm } from './fuzz-forms.ts';

/** In a path that was drawn: the id of what the operation can be done with. */
export const OWN = '{own}';

export type Part = 'path' | 'query' | 'headers' | 'body' | 'form';

/** What of a request may be anything. Queries and headers reach operations that know none, too. */
export function partsOf({ pathParams, body, form }: Operation): Part[] {
  return [...(pathParams ? (['path'] as const) : []), 'query', 'headers', ...bodyPart(body, form)];
}
const bodyPart = (body: unknown, form: unknown): Part[] => (body ? ['body'] : form ? ['form'] : []);

/** Requests of an operation of which this part is anything, and the others are as they should be. */
export function drawRequest(operation: Operation, part: Part, picture: Buffer): fc.Arbitrary<Asked> {
  const ids = Object.fromEntries(namesOf(operation.pathParams).map((name) => [name, OWN]));
  const drawn = {
    path: () =>
      fc
        .record(Object.fromEntries(Object.keys(ids).map((name) => [name, pathId])))
        .map((any) => ({ ids: any })),
    query: () => drawQuery(namesOf(operation.query)).map((query) => ({ query })),
    headers: () => drawHeaders(operation.headers ?? []).map((headers) => ({ headers })),
    body: () => drawBody(operation.body as NonNullable<Operation['body']>).map((raw) => ({ raw })),
    form: () =>
      drawForm(operation.form?.field ?? '', picture).map(({ contentType, body }) => ({
        raw: body,
        headers: { 'content-type': contentType },
      })),
  };
  return drawn[part]().map((any) => ({ ids, ...any }));
}

const namesOf = (schema: z.ZodType | undefined): string[] =>
  schema === undefined ? [] : Object.keys((schema as z.ZodObject).shape);

const anyText = fc.string({ unit: 'binary', maxLength: 60 });
const encoded = (text: string) => encodeURIComponent(text.toWellFormed());
const printable = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));

/** Without `.` and `..`, which are no part of a path. */
const pathId = fc.oneof(
  fc.constant(OWN),
  fc.constantFrom(
    UNKNOWN_ID,
    UNKNOWN_ID.toUpperCase(),
    `{${UNKNOWN_ID}}`,
    ...[
      '%',
      '%zz',
      '%ff%fe',
      '%00',
      '%2f',
      '%2e%2e%2f',
      'null',
      '0',
      "'",
      '*',
      '__proto__',
      'x'.repeat(5_000),
    ],
  ),
  fc
    .string({ unit: 'binary', minLength: 1 })
    .filter((text) => !/^\.\.?$/.test(text))
    .map(encoded),
);

const queryText = fc.oneof(
  anyText,
  fc.constantFrom(
    ...[
      '1',
      '0',
      '-1',
      '\0',
      '1e9',
      '100',
      'true',
      'asc',
      'pending',
      'pending,failed',
      UNKNOWN_ID,
      '%',
      '_',
      '\\',
      ',',
    ],
    ...[
      '2026-11-23T08:00:00Z',
      '0000-01-01T00:00:00Z',
      '9999-12-31T23:59:59.999999Z',
      '{}',
      'null',
      'a'.repeat(3_000),
    ],
  ),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  // A cursor by its form.
  fc.jsonValue().map((any) => Buffer.from(JSON.stringify(any)).toString('base64url')),
);

function drawQuery(known: string[]): fc.Arbitrary<string> {
  const name = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...known, 'limit', 'metadata.row') },
    fc.constantFrom('metadata.', '__proto__', 'constructor', 'limit[]', 'limit[a]', ''),
    anyText,
  );
  const pairs = fc
    .array(fc.tuple(name, queryText), { maxLength: 4 })
    .map((some) => some.map(([one, text]) => `${encoded(one)}=${encoded(text)}`).join('&'));
  const noise = fc.string({ unit: printable.filter((one) => one !== '#'), maxLength: 40 });
  return fc.oneof({ weight: 5, arbitrary: pairs }, noise).map((text) => `?${text}`);
}

function drawHeaders(known: string[]): fc.Arbitrary<Record<string, string>> {
  const name = fc.constantFrom(
    ...known.map((one) => one.toLowerCase()),
    ...['authorization', 'accept', 'accept-encoding', 'content-type', 'content-encoding', 'origin', 'range'],
    ...[
      'request-id',
      'if-none-match',
      'if-match',
      'prefer',
      'cookie',
      'x-forwarded-for',
      'x-http-method-override',
    ],
  );
  const text = fc.oneof(
    fc.string({ unit: printable, maxLength: 60 }),
    fc.constantFrom(
      '*',
      '""',
      'gzip',
      'br',
      'identity',
      'application/json; charset=utf-16',
      'Bearer',
      'Bearer dk_x',
    ),
    fc.constantFrom('Bearer a.b.c', 'a'.repeat(300), 'text/plain', 'DELETE', 'null', 'bytes=0-1', '\u00e9'),
  );
  // A preference to wait that can be read would be honoured, for up to a minute.
  return fc.dictionary(
    name,
    text.map((any) => any.replaceAll(/wait/gi, 'want')),
    { minKeys: 1, maxKeys: 2 },
  );
}

/** What PostgreSQL has no place for. */
const UNSTORABLE = ['a\0b', '\ud800'];
const UNSTORABLE_INSIDE = [['\0'], ['\udc00'], { row: '\0' }, { '\ud800': 'x' }];

/** Anything at all, and now and then what a field would really take. */
const value = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom<unknown[]>('16:9', 'high', 'png', '4K', '', ' ', UNKNOWN_ID, 1e308, -0, null, true),
  fc.constantFrom<unknown[]>(
    'gemini-3-pro-image',
    ['copper lamps'],
    ['https://127.0.0.1/a.png', 'logos/..'],
    {},
    [[]],
  ),
  fc.constantFrom<unknown[]>(60, 'a'.repeat(20_000), Array(60).fill('x'), { row: '17' }, { '': 'x' }),
  { weight: 3, arbitrary: fc.constantFrom(...UNSTORABLE) },
  fc.constantFrom(...UNSTORABLE_INSIDE),
);

const DEEP = 60_000;

function drawBody({ schema, example }: NonNullable<Operation['body']>): fc.Arbitrary<string | Buffer> {
  const known = fc.constantFrom(...namesOf(schema));
  const name = fc.oneof(
    { weight: 8, arbitrary: known },
    fc.constantFrom('__proto__', 'constructor', 'no_such_field'),
  );
  const fields = fc.dictionary(name, value, { maxKeys: 4 });
  const changed = (any: object) => JSON.stringify({ ...(example as object), ...any });
  return fc.oneof(
    // One field at a time: what is wrong in one hides what is wrong in another.
    { weight: 6, arbitrary: fc.dictionary(known, value, { minKeys: 1, maxKeys: 1 }).map(changed) },
    { weight: 2, arbitrary: fields.map(changed) },
    { weight: 2, arbitrary: fields.map((any) => JSON.stringify(any)) },
    fields.map((any) => changed(any).slice(0, -1)),
    fc.jsonValue().map((any) => JSON.stringify(any)),
    anyText,
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(
      JSON.stringify({ name: 'x'.repeat(300_000) }),
      '['.repeat(DEEP) + ']'.repeat(DEEP),
      `{"metadata":${'{"a":'.repeat(DEEP / 2)}1${'}'.repeat(DEEP / 2)}}`,
      '{"name":"a","name":"b","prompt":"a","prompt":5}',
      '\ufeff{}',
    ),
  );
}
