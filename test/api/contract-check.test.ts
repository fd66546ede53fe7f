import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PENDING_IMAGE } from '../../src/api/openapi/examples.ts';
import { checkAnswer } from './contract.ts';

const PATH = PENDING_IMAGE.links.self;

/** A good answer to `GET /ai/generated-images/{id}`, but for what is changed. */
function check(changes: { status?: number; headers?: Record<string, string>; body?: object } = {}): void {
  const { status = 200, body = PENDING_IMAGE } = changes;
  const headers = new Headers({
    'content-type': 'application/json',
    'request-id': 'a',
    etag: '"1"',
    ...changes.headers,
  });
  checkAnswer('GET', PATH, { status, headers, text: JSON.stringify(body) });
}

it('an answer that is as documented passes', () => {
  check();
});

it('an answer with a field that is not documented fails', () => {
  assert.throws(() => check({ body: { ...PENDING_IMAGE, colour: 'red' } }), /colour/);
  assert.throws(
    () => check({ body: { ...PENDING_IMAGE, links: { ...PENDING_IMAGE.links, more: '/' } } }),
    /more/,
  );
});

it('an answer that lacks a field fails, whichever it is', () => {
  for (const name of Object.keys(PENDING_IMAGE)) {
    const { [name]: _, ...body } = PENDING_IMAGE as Record<string, unknown>;
    assert.throws(() => check({ body }), new RegExp(name), name);
  }
});

it('an answer with a value that is not known fails', () => {
  assert.throws(() => check({ body: { ...PENDING_IMAGE, status: 'waiting' } }), /status/);
});

it('an answer with a status, a type or a header that is not documented fails', () => {
  assert.throws(() => check({ status: 201 }), /not documented/);
  assert.throws(() => check({ headers: { 'content-type': 'text/html' } }), /text\/html/);
  assert.throws(() => check({ headers: { link: '</>; rel="next"' } }), /not documented/);
});

it('a refusal with a code that the operation does not have fails', () => {
  const body = {
    type: 'about:blank',
    title: 'Forbidden',
    status: 404,
    detail: 'No.',
    instance: PATH,
    code: 'forbidden',
    retryable: false,
    retry_after_seconds: null,
    request_id: 'a',
    errors: [],
  };
  const headers = new Headers({ 'content-type': 'application/problem+json', 'request-id': 'a' });
  const text = JSON.stringify(body);
  assert.throws(
    () => checkAnswer('GET', PATH, { status: 404, headers, text }),
    /forbidden is none of not_found/,
  );
});

it('a path or method that is not documented may only be refused', () => {
  const headers = new Headers({ 'content-type': 'application/json', 'request-id': 'a' });
  assert.throws(() => checkAnswer('GET', '/ai/nothing', { status: 200, headers, text: '{}' }));
  assert.throws(() => checkAnswer('PUT', PATH, { status: 200, headers, text: '{}' }));
});
