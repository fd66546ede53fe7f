import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { sendReply } from '../../src/local/gateway/reply.ts';

test('what would have been sent to a client that has left is closed', async () => {
  const body = Readable.from(['a picture']);
  const sent = Promise.withResolvers<void>();
  const server = createServer(async (_req, res) => {
    res.destroy();
    await once(res, 'close');
    await sendReply(res, { status: 200, headers: {}, body });
    sent.resolve();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const asked = fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await assert.rejects(asked);
  await sent.promise;

  assert.ok(body.destroyed);
  server.close();
});
