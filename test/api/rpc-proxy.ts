import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type Reply = { status: number; headers: Record<string, string>; body: string };
/** One call on its way to the database. */
export type RpcCall = { fn: string; args: string; forward(): Promise<Reply> };
/** What becomes of a call: an answer, or `cut`, the end of the connection without one. */
export type Fate = (call: RpcCall) => Promise<Reply | 'cut'> | Reply | 'cut';

/** PostgREST's answer while it has no database. */
export const DATABASE_AWAY: Reply = {
  status: 503,
  headers: { 'content-type': 'application/json' },
  body: '{"code":"PGRST001","details":null,"hint":null,"message":"Database client error. Retrying the connection."}',
};

/** Stands between an API and the gateway, and decides call by call how the line fails. */
export async function startRpcProxy(gatewayUrl: string) {
  const forwardAll: Fate = (call) => call.forward();
  let fate = forwardAll;
  const calls: RpcCall[] = [];
  const sockets = new Set<Socket>();

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const args = await readText(req);
    const forward = () => sendOn(gatewayUrl, req, args);
    const call = { fn: req.url?.split('/').at(-1) ?? '', args, forward };
    calls.push(call);
    const reply = await fate(call);
    if (reply === 'cut') res.destroy();
    else res.writeHead(reply.status, reply.headers).end(reply.body);
  };
  const server = createServer((req, res) => void answer(req, res));
  server.on('connection', (socket) => sockets.add(socket));
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const refuse = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await closed;
  };

  return {
    url: `http://127.0.0.1:${port}`,
    calls: (fn: string) => calls.filter((call) => call.fn === fn),
    /** What becomes of calls of one function from now on; all others go through. */
    decide(fn: string, next: Fate) {
      fate = (call) => (call.fn === fn ? next(call) : call.forward());
    },
    restore() {
      fate = forwardAll;
      calls.length = 0;
    },
    /** Nobody listens on the port any more. */
    refuse,
    accept: () => listen(port),
    close: () => (server.listening ? refuse() : Promise.resolve()),
  };
}
export type RpcProxy = Awaited<ReturnType<typeof startRpcProxy>>;

async function sendOn(gatewayUrl: string, req: IncomingMessage, args: string): Promise<Reply> {
  const headers = { ...(req.headers as Record<string, string>) };
  for (const name of ['host', 'connection', 'content-length', 'transfer-encoding']) delete headers[name];
  const answer = await fetch(gatewayUrl + req.url, {
    method: req.method ?? 'POST',
    headers,
    body: args || null,
  });
  return {
    status: answer.status,
    headers: { 'content-type': answer.headers.get('content-type') ?? 'text/plain' },
    body: await answer.text(),
  };
}

async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** As PostgREST refuses with this SQLSTATE. */
export const refusal = (code: string): Fate => {
  const body = JSON.stringify({ code, message: '', details: null, hint: null });
  return () => ({ status: 400, headers: { 'content-type': 'application/json' }, body });
};
/** As submit_generations answers for every item. */
export const outcome =
  (name: string): Fate =>
  ({ args }) => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(
      JSON.parse(args).p_items.map(({ id }: { id: string }) => ({ asked_id: id, outcome: name })),
    ),
  });
