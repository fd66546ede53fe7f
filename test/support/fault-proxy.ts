import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request as forward } from 'undici';

export type ProxiedRequest = {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** Milliseconds by the monotonic clock. */
  at: number;
};

/**
 * What becomes of one request: `pass`; `cut` before it goes anywhere; `lose`: it is executed and the answer is lost;
 * `halve`: the connection is cut in the middle of the answer's body; `status`: answered by the proxy itself. A promise
 * holds the request until it resolves.
 */
export type Fate = 'pass' | 'cut' | 'lose' | 'halve' | { status: number; body?: string };
export type Decide = (request: ProxiedRequest) => Fate | Promise<Fate>;

export type FaultProxy = {
  url: string;
  /** All that has arrived, oldest first. */
  requests: ProxiedRequest[];
  /** From now on; the one before is forgotten. */
  decide(decide: Decide): void;
  passAll(): void;
  close(): Promise<void>;
};

/** An HTTP proxy in front of `target` that does harm on request. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const dispatcher = new Agent({ connections: 64 });
  const requests: ProxiedRequest[] = [];
  let decide: Decide = () => 'pass';

  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => outgoing.destroy());
  });
  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = Buffer.concat(await incoming.toArray());
    const { method = 'GET', url: path = '/', headers } = incoming;
    const request = { method, path, headers, body, at: performance.now() };
    requests.push(request);
    const fate = await decide(request);
    if (fate === 'cut') return void outgoing.destroy();
    if (typeof fate === 'object') {
      outgoing.writeHead(fate.status, { 'content-type': 'application/json' });
      return void outgoing.end(fate.body ?? '');
    }
    const left = new AbortController();
    outgoing.once('close', () => left.abort());
    const { host: _host, connection: _connection, 'transfer-encoding': _encoding, ...kept } = headers;
    const reply = await forward(`${target}${path}`, {
      method: method as 'POST',
      headers: kept,
      body: body.length > 0 ? body : null,
      signal: left.signal,
      dispatcher,
    });
    const bytes = Buffer.from(await reply.body.arrayBuffer());
    if (fate === 'lose') return void outgoing.destroy();
    const { connection: _c, 'transfer-encoding': _t, ...answered } = reply.headers;
    outgoing.writeHead(reply.statusCode, { ...answered, 'content-length': bytes.length });
    if (fate === 'pass') return void outgoing.end(bytes);
    outgoing.write(bytes.subarray(0, bytes.length / 2), () => outgoing.destroy());
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    decide: (next) => {
      decide = next;
    },
    passAll: () => {
      decide = () => 'pass';
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await dispatcher.destroy();
    },
  };
}

/** The first `times` requests that match get this fate, all others pass. */
export function firstTimes(
  times: number,
  matches: (request: ProxiedRequest) => boolean,
  fate: Fate,
): (request: ProxiedRequest) => Fate {
  let left = times;
  return (request) => (matches(request) && left-- > 0 ? fate : 'pass');
}

const WAYS = {
  claim: /\/rpc\/(complete_and_)?claim_generations?$/,
  complete: /\/rpc\/complete_(and_claim_)?generations?$/,
};

/** Whether it claims, or completes, alone or together with others; what is in its body tells for whom. */
export const asksTo =
  (what: keyof typeof WAYS) =>
  ({ path }: Pick<ProxiedRequest, 'path'>): boolean =>
    WAYS[what].test(path);
