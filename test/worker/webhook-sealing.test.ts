import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { z } from 'zod';
import { createWebhookSealing, webhookConfig } from '../../src/shared/webhook-sealing.ts';

const [KEY, OTHER] = ['k'.repeat(32), 'o'.repeat(32)];
const owner = { id: randomUUID(), user_id: randomUUID() };
const SECRET = 'whsec_J3vQ0rS8m1y5pN6tXb2cK9wE4uH7zLfG';

test('what is sealed shows nothing of the secret, is never the same twice, and opens', () => {
  const sealing = createWebhookSealing([KEY]);

  const [one, two] = [sealing.seal(SECRET, owner), sealing.seal(SECRET, owner)];

  assert.notEqual(one, two);
  assert.ok(!Buffer.from(one, 'base64url').includes('whsec_') && !one.includes(SECRET));
  assert.deepEqual([sealing.open(one, owner), sealing.open(two, owner)], [SECRET, SECRET]);
});

test('it opens for its own row and user only', () => {
  const sealing = createWebhookSealing([KEY]);
  const sealed = sealing.seal(SECRET, owner);

  assert.equal(sealing.open(sealed, { ...owner, user_id: randomUUID() }), null);
  assert.equal(sealing.open(sealed, { ...owner, id: randomUUID() }), null);
});

test('what was changed, cut or made up does not open', () => {
  const sealing = createWebhookSealing([KEY]);
  const sealed = sealing.seal(SECRET, owner);
  const [id = '', data = ''] = sealed.split('.');
  const bytes = Buffer.from(data, 'base64url');
  for (const at of [0, 12, 28, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(sealing.open(`${id}.${changed.toString('base64url')}`, owner), null);
  }
  for (const text of ['', '.', id, `${id}.`, `${id}.AAAA`, `0${sealed}`, data]) {
    assert.equal(sealing.open(text, owner), null);
  }
});

test('an earlier key still opens, and the first of the list seals', () => {
  const before = createWebhookSealing([KEY]);
  const both = createWebhookSealing([OTHER, KEY]);
  const after = createWebhookSealing([OTHER]);
  const old = before.seal(SECRET, owner);

  assert.deepEqual([both.open(old, owner), after.open(old, owner)], [SECRET, null]);
  assert.equal(after.open(both.seal(SECRET, owner), owner), SECRET);
  assert.equal(both.keyId, after.keyId);
  assert.notEqual(both.keyId, before.keyId);
});

test('the variable is a list of keys, none of them short', () => {
  const read = (text?: string) => z.object(webhookConfig).safeParse({ WEBHOOK_ENCRYPTION_KEY: text });

  assert.deepEqual(read(`${KEY}, ${OTHER}`).data, { WEBHOOK_ENCRYPTION_KEY: [KEY, OTHER] });
  assert.equal(read().data?.WEBHOOK_ENCRYPTION_KEY, undefined);
  for (const bad of ['short', `${KEY},`, `${KEY},short`, `${KEY} ${OTHER}`])
    assert.ok(!read(bad).success, bad);
});
