import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';

const SOURCES = new URL('../../', import.meta.url);

/**
 * An empty page of an origin of its own, as a frontend's is, and beside it `/src/client/…` as a browser can run it: the
 * types taken out, everything else as it stands.
 */
export async function startPageServer(): Promise<{ url: string; close(): void }> {
  const server = createServer((req, res) => {
    const path = /^\/src\/client\/[\w-]+\.ts$/.exec(req.url ?? '')?.[0];
    res.setHeader('content-type', path ? 'text/javascript' : 'text/html');
    res.end(
      path ? stripTypeScriptTypes(readFileSync(new URL(`.${path}`, SOURCES), 'utf8')) : '<!doctype html>',
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
