import { z } from 'zod';
import { LONGEST_KEY } from '../idempotency.ts';
import { LONGEST_WAIT_S } from '../prefer.ts';

const header = (id: string, description: string, example: string) =>
  z.string().meta({ description, header: { id, example } });
/** An answer may come without it. */
const maybe = (id: string, description: string, example: string) =>
  z.string().optional().meta({ description, header: { id, example } });

/** What answers say beside their body. */
export const responseHeaders = {
  'Request-Id': header(
    'Request-Id',
    'Yours if you sent a usable one. Quote it when you ask for help.',
    'f3a1',
  ),
  Location: header(
    'Location',
    'The address of what the answer is about.',
    '/ai/generated-images/0198b8a0-1111-7222-8333-444455556666',
  ),
  'Retry-After': maybe('Retry-After', 'Seconds after which it is worth asking again.', '5'),
  ETag: header('ETag', 'For `If-None-Match`.', 'W/"0198b8a0-1111-7222-8333-444455556666-1"'),
  Link: maybe(
    'Link',
    'The next page, `rel="next"`; none on the last one.',
    '</ai/generated-images?cursor=…>; rel="next"',
  ),
  'Preference-Applied': maybe('Preference-Applied', 'How long it was ready to wait (RFC 7240).', 'wait=20'),
  'WWW-Authenticate': header(
    'WWW-Authenticate',
    'RFC 6750; of what is for browsers RFC 7617.',
    'Bearer realm="darkroom"',
  ),
  RateLimit: maybe(
    'RateLimit',
    'What is left of the caller’s limit, where there is one (draft-ietf-httpapi-ratelimit-headers-08).',
    '"submit"; r=2999; t=60',
  ),
  'RateLimit-Policy': maybe(
    'RateLimit-Policy',
    'The limits that hold for the caller, where there are some.',
    '"submit"; q=3000; w=60; pk=:ZjNhMQ==:',
  ),
};
export type ResponseHeader = keyof typeof responseHeaders;

const parameter = (id: string, description: string, example: string, schema = z.string()) =>
  schema.optional().meta({ description, param: { id, example } });

/** What requests may say beside their body: all of it optional. */
export const requestHeaders = {
  'Request-Id': parameter(
    'Request-Id',
    'A name for this request in logs and answers. One that does not fit is replaced.',
    'nightly-17',
    z.string().regex(/^[\w.:-]{1,128}$/),
  ),
  'Idempotency-Key': parameter(
    'Idempotency-Key',
    'Quoted or bare. For 24 hours the same key with the same body gives the same image ' +
      '(draft-ietf-httpapi-idempotency-key-header-07).',
    '8e03978e-40d5-43dd-bc93-6894a57f9324',
    // The quotes and the backslashes before quotes come on top of what counts.
    z
      .string()
      .min(1)
      .max(2 * LONGEST_KEY + 2),
  ),
  Prefer: parameter(
    'Prefer',
    `\`wait=<seconds>\`, ${LONGEST_WAIT_S} at most: hold the answer until there is news (RFC 7240). Beyond 200 at once it is not held.`,
    'wait=20',
  ),
  'Last-Event-ID': parameter(
    'Last-Event-ID',
    'The `id` of the last event that you have, from which on to tell. EventSource sends it when it comes back.',
    '1795507211000-0',
  ),
  'If-None-Match': parameter(
    'If-None-Match',
    'An ETag that you have: 304 while it is still the same.',
    'W/"0198b8a0-1111-7222-8333-444455556666-1"',
  ),
};
export type RequestHeader = keyof typeof requestHeaders;

/** The schema of a set of headers; `some` of them may be missing. */
export function pickHeaders<Name extends string>(
  headers: Record<Name, z.ZodType>,
  names: readonly Name[],
  some: readonly Name[] = [],
): z.ZodObject {
  const optional = (schema: z.ZodType) => schema.optional().meta({ description: schema.description });
  return z.object({
    ...Object.fromEntries(names.map((name) => [name, headers[name]])),
    ...Object.fromEntries(some.map((name) => [name, optional(headers[name])])),
  });
}
