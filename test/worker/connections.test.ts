import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { createLogger } from '../../src/shared/logger.ts';
import { createRpc } from '../../src/shared/rpc.ts';
import { createStorage } from '../../src/shared/storage.ts';
import { StorageError } from '../../src/shared/storage-error.ts';
import { createSupabase } from '../../src/shared/supabase.ts';

/** A Supabase whose database answers and whose Storage takes every request and says nothing. */
let server: Server;
let supabase: ReturnType<typeof createSupabase>;
const stored: string[] = [];
before(async () => {
  server = createServer((req, res) => {
    if (!req.url?.startsWith('/storage/')) return void res.end('"here"');
    stored.push(req.url);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  supabase = createSupabase(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'key');
});
after(async () => {
  await supabase.close();
  server.closeAllConnections();
  server.close();
});

test('a Storage that hangs takes nothing from the database, and a worker can go on beating', async () => {
  const storage = createStorage(supabase.client, 'http://images');
  const rpc = createRpc(supabase.client, createLogger('test', 'silent'));
  const gaveUp = await Promise.allSettled(
    Array.from({ length: 300 }, () => storage.listImages('a', { timeoutMs: 50 })),
  );

  const answers = await Promise.all(
    Array.from({ length: 64 }, () => rpc('beat_worker', {}, { repeatForMs: 0, timeoutMs: 5_000 })),
  );

  assert.ok(gaveUp.every((result) => result.status === 'rejected'));
  assert.deepEqual(new Set(answers), new Set(['here']));
});

for (const path of [
  '../private/secret.png',
  'a/../../auth/v1/admin/users',
  'a/%2e%2e/b.png',
  'a\\b.png',
  'a//b.png',
  'a.png?download=x',
  '',
]) {
  test(`a reference at ${JSON.stringify(path)} is refused without a request`, async () => {
    const storage = createStorage(supabase.client, 'http://images');
    const before = stored.length;

    const error = await storage
      .download('dataset-images', path, { mostBytes: 1_000 })
      .catch((reason: unknown) => reason);

    assert.ok(error instanceof StorageError && error.kind === 'refused');
    assert.equal(stored.length, before);
  });
}
