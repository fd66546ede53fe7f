import assert from 'node:assert/strict';

/**
 * `key` is an API key of `owner`, `other` another user. Nobody in particular calls as `nobody` where anonymous use is
 * on, as `shut` where it is off. `forger` has the owner's token with another signature.
 */
export const CALLERS = ['owner', 'key', 'other', 'nobody', 'shut', 'admin', 'forger'] as const;
export type Caller = (typeof CALLERS)[number];

/**
 * Whose the thing is that the path names: `done` is the owner's and finished, `gone` the owner's and deleted, `nobody` of
 * no user, which makes a dataset a shared one. Where the path names none, `owner` is a request that names the owner, or
 * a dataset of the owner, and `-` one that names nobody. Nothing in a batch has failed, so whoever may retry it hears 422.
 */
const WHOSE = ['owner', 'done', 'nobody', 'gone', '-'] as const;
export type Whose = (typeof WHOSE)[number];

const TABLE = `
                                                    owner  key other nobody shut admin forger
POST   /ai/generate                         -         202  202   202    202  401   202    401
POST   /ai/generate                         owner     202  202   422    422  401   202    401
POST   /ai/generate                         nobody    202  202   202    202  401   202    401
POST   /ai/generate                         gone      422  422   422    422  401   422    401
GET    /ai/generated-images                 -         200  200   200    200  401   200    401
GET    /ai/generated-images                 owner     403  403   403    403  401   200    401
GET    /ai/generated-images/{id}            owner     200  200   404    404  404   200    401
GET    /ai/generated-images/{id}            done      200  200   404    404  404   200    401
GET    /ai/generated-images/{id}            nobody    404  404   404    200  200   200    401
GET    /ai/generated-images/{id}            gone      410  410   404    404  404   410    401
GET    /ai/generated-images/{id}/image      owner     404  404   404    404  404   404    401
GET    /ai/generated-images/{id}/image      done      302  302   404    404  404   302    401
GET    /ai/generated-images/{id}/image      nobody    404  404   404    404  404   404    401
GET    /ai/generated-images/{id}/image      gone      410  410   404    404  404   410    401
GET    /ai/generated-images/{id}/events     owner     200  200   404    404  404   200    401
GET    /ai/generated-images/{id}/events     done      200  200   404    404  404   200    401
GET    /ai/generated-images/{id}/events     nobody    404  404   404    200  200   200    401
GET    /ai/generated-images/{id}/events     gone      410  410   404    404  404   410    401
POST   /ai/generated-images/{id}/cancel     owner     200  200   404    404  404   200    401
POST   /ai/generated-images/{id}/cancel     done      200  200   404    404  404   200    401
POST   /ai/generated-images/{id}/cancel     nobody    404  404   404    200  200   200    401
POST   /ai/generated-images/{id}/cancel     gone      410  410   404    404  404   410    401
POST   /ai/generated-images/{id}/regenerate owner     202  202   404    404  401   202    401
POST   /ai/generated-images/{id}/regenerate done      202  202   404    404  401   202    401
POST   /ai/generated-images/{id}/regenerate nobody    404  404   404    202  401   202    401
POST   /ai/generated-images/{id}/regenerate gone      410  410   404    404  401   410    401
DELETE /ai/generated-images/{id}            owner     204  204   404    404  404   204    401
DELETE /ai/generated-images/{id}            done      204  204   404    404  404   204    401
DELETE /ai/generated-images/{id}            nobody    404  404   404    204  204   204    401
DELETE /ai/generated-images/{id}            gone      204  204   404    404  404   204    401
GET    /ai/batches                          -         200  200   200    401  401   200    401
POST   /ai/batches                          -         202  202   202    401  401   202    401
GET    /ai/batches/{id}                     owner     200  200   404    401  401   200    401
GET    /ai/batches/{id}                     nobody    404  404   404    401  401   200    401
POST   /ai/batches/{id}/cancel              owner     200  200   404    401  401   200    401
POST   /ai/batches/{id}/cancel              nobody    404  404   404    401  401   200    401
POST   /ai/batches/{id}/retry               owner     422  422   404    401  401   422    401
POST   /ai/batches/{id}/retry               nobody    404  404   404    401  401   422    401
GET    /ai/queue                            -         200  200   200    200  401   200    401
GET    /ai/events                           -         200  200   200    200  401   200    401
GET    /ai/events                           owner     200  200   404    404  404   200    401
GET    /ai/events                           done      200  200   404    404  404   200    401
GET    /ai/events                           nobody    404  404   404    200  200   200    401
GET    /ai/events                           gone      410  410   404    404  404   410    401
GET    /ai/datasets                         -         200  200   200    200  401   200    401
POST   /ai/datasets                         -         201  201   201    401  401   201    401
POST   /ai/datasets                         owner     201  201   403    401  401   201    401
GET    /ai/datasets/{id}                    owner     200  200   404    404  401   200    401
GET    /ai/datasets/{id}                    nobody    200  200   200    200  401   200    401
GET    /ai/datasets/{id}                    gone      404  404   404    404  401   404    401
PATCH  /ai/datasets/{id}                    owner     200  200   404    401  401   200    401
PATCH  /ai/datasets/{id}                    nobody    403  403   403    401  401   200    401
PATCH  /ai/datasets/{id}                    gone      404  404   404    401  401   404    401
DELETE /ai/datasets/{id}                    owner     204  204   404    401  401   204    401
DELETE /ai/datasets/{id}                    nobody    403  403   403    401  401   204    401
DELETE /ai/datasets/{id}                    gone      404  404   404    401  401   404    401
POST   /ai/datasets/{id}/images             owner     201  201   404    401  401   201    401
POST   /ai/datasets/{id}/images             nobody    403  403   403    401  401   201    401
POST   /ai/datasets/{id}/images             gone      404  404   404    401  401   404    401
DELETE /ai/datasets/{id}/images/{image_id}  owner     204  204   404    401  401   204    401
DELETE /ai/datasets/{id}/images/{image_id}  nobody    403  403   403    401  401   204    401
DELETE /ai/datasets/{id}/images/{image_id}  gone      404  404   404    401  401   404    401
PUT    /ai/datasets/{id}/logo               owner     200  200   404    401  401   200    401
PUT    /ai/datasets/{id}/logo               nobody    403  403   403    401  401   200    401
PUT    /ai/datasets/{id}/logo               gone      404  404   404    401  401   404    401
DELETE /ai/datasets/{id}/logo               owner     204  204   404    401  401   204    401
DELETE /ai/datasets/{id}/logo               nobody    403  403   403    401  401   204    401
DELETE /ai/datasets/{id}/logo               gone      404  404   404    401  401   404    401
GET    /ai/api-keys                         -         200  403   200    401  401   200    401
GET    /ai/api-keys                         owner     200  403   403    401  401   200    401
POST   /ai/api-keys                         -         201  403   201    401  401   422    401
POST   /ai/api-keys                         owner     201  403   403    401  401   201    401
DELETE /ai/api-keys/{id}                    owner     204  403   404    401  401   204    401
DELETE /ai/api-keys/{id}                    gone      204  403   404    401  401   204    401
GET    /ai/webhook-secrets                  -         200  403   200    401  401   200    401
GET    /ai/webhook-secrets                  owner     200  403   403    401  401   200    401
POST   /ai/webhook-secrets                  -         201  403   201    401  401   422    401
POST   /ai/webhook-secrets                  owner     201  403   403    401  401   201    401
DELETE /ai/webhook-secrets/{id}             owner     204  403   404    401  401   204    401
DELETE /ai/webhook-secrets/{id}             gone      404  403   404    401  401   404    401
GET    /ai/webhook-deliveries               -         200  200   200    401  401   200    401
GET    /ai/webhook-deliveries               owner     403  403   403    401  401   200    401
POST   /ai/webhook-deliveries/{id}/replay   owner     202  202   404    401  401   202    401
POST   /ai/webhook-deliveries/{id}/replay   gone      404  404   404    401  401   404    401
GET    /ai/usage                            -         200  200   200    401  401   200    401
GET    /ai/usage                            owner     403  403   403    401  401   200    401
GET    /ai/usage/prompts                    -         200  200   200    401  401   200    401
GET    /ai/usage/prompts                    owner     403  403   403    401  401   200    401
GET    /admin/queue                         -         403  403   403    401  401   200    401
POST   /admin/queue/pause                   -         403  403   403    401  401   200    401
POST   /admin/queue/resume                  -         403  403   403    401  401   200    401
POST   /admin/queue/retry-failed            -         403  403   403    401  401   200    401
POST   /admin/queue/purge                   -         403  403   403    401  401   200    401
GET    /admin/limits                        -         403  403   403    401  401   200    401
PATCH  /admin/limits                        -         403  403   403    401  401   200    401
GET    /admin/workers                       -         403  403   403    401  401   200    401
GET    /admin/queues                        -         403  403   403    401  401   200    401
GET    /ai/options                          -         200  200   200    200  200   200    200
GET    /healthz                             -         200  200   200    200  200   200    200
GET    /readyz                              -         200  200   200    200  200   200    200
GET    /metrics                             -         200  200   200    200  200   200    200
GET    /openapi.json                        -         200  200   200    200  200   200    200
GET    /docs                                -         301  301   301    301  301   301    301
GET    /docs/{file}                         -         200  200   200    200  200   200    200
GET    /                                    -         200  200   200    200  200   200    200
GET    /web/{file}                          -         200  200   200    200  200   200    200
GET    /client/{file}                       -         200  200   200    200  200   200    200
`;

export type Row = { name: string; whose: Whose; statuses: Record<Caller, number> };

/** Who is answered with what, by operation and by whose the thing is. */
export const MATRIX: Row[] = TABLE.trim().split('\n').slice(1).map(readLine);

function readLine(line: string): Row {
  const [method, path, whose, ...statuses] = line.split(/\s+/);
  assert.ok(WHOSE.some((one) => one === whose) && statuses.length === CALLERS.length, line);
  return {
    name: `${method} ${path}`,
    whose: whose as Whose,
    statuses: Object.fromEntries(CALLERS.map((caller, index) => [caller, Number(statuses[index])])) as Record<
      Caller,
      number
    >,
  };
}

/** Of which things each caller's lists hold which; those that are `gone` are in none. */
export const LISTED: Record<string, Partial<Record<Caller, Whose[]>>> = {
  'GET /ai/generated-images': {
    owner: ['owner', 'done'],
    key: ['owner', 'done'],
    other: [],
    nobody: ['nobody'],
    admin: ['owner', 'done', 'nobody'],
  },
  'GET /ai/datasets': {
    owner: ['owner', 'nobody'],
    key: ['owner', 'nobody'],
    other: ['nobody'],
    nobody: ['nobody'],
    admin: ['owner', 'nobody'],
  },
  'GET /ai/webhook-secrets': { owner: ['owner'], other: [], admin: ['owner'] },
  'GET /ai/webhook-deliveries': { owner: ['owner'], key: ['owner'], other: [], admin: ['owner'] },
  'GET /ai/api-keys': { owner: ['owner'], other: [], admin: ['owner'] },
};
