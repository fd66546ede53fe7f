import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDatabase } from './database.ts';
import { createFunctionCatalogue } from './function-catalogue.ts';
import { jsonReply, type Reply, sendReply } from './reply.ts';
import { RpcError, rpcErrorReply } from './rpc-error.ts';
import { createRpcRoute } from './rpc-route.ts';
import { watchSchema } from './schema-watch.ts';
import { createStorageRoute } from './storage-route.ts';
import { createTokenVerifier } from './token-verifier.ts';

/** Where the gateway finds its database and its folder, and where it listens. */
export interface GatewayOptions {
  /** A superuser's URL of a database that `prepareSupabaseDatabase` has prepared; it may be down for now. */
  databaseUrl: string;
  /** Made if need be; must not be shared with another running gateway. */
  storageDir: string;
  jwtSecret: string;
  host: string;
  /** 0 for any free port. */
  port: number;
  /** Connections for calls; 10 if not given, as on Supabase. One more listens for changes of the schema. */
  poolSize?: number;
  /** How long a call waits for a free connection; ten seconds if not given, as on Supabase. */
  acquireTimeoutMs?: number;
  /** Told of every error that is the gateway's own fault; the client gets a 500. */
  onError?: (error: unknown) => void;
}

/** A gateway that answers. */
export interface Gateway {
  url: string;
  port: number;
  /** Takes no new requests, lets running ones end (ten seconds at most) and gives up the database. */
  close(): Promise<void>;
}

const closeTimeoutMs = 10_000;
/** Above a minute, so that a pooled client connection is not closed just when it is used again. */
const keepAliveTimeoutMs = 75_000;

/**
 * Starts the part of Supabase that Darkroom uses, on one port: function calls as PostgREST answers them, and Storage on
 * a folder. Rejects if the port or the folder cannot be had; a database that is down is not an error but 503 answers.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { databaseUrl, storageDir, jwtSecret, host, onError } = options;
  const { poolSize = 10, acquireTimeoutMs = 10_000 } = options;
  const closing = new AbortController();
  const verifyToken = createTokenVerifier(jwtSecret);
  const answerStorage = await createStorageRoute(storageDir, verifyToken);
  const database = createDatabase({ databaseUrl, poolSize, acquireTimeoutMs });
  const catalogue = createFunctionCatalogue(database);
  const answerRpc = createRpcRoute({ database, catalogue, verifyToken, closing: closing.signal });

  const route = async (request: IncomingMessage): Promise<Reply> => {
    const url = new URL(request.url ?? '/', 'http://gateway');
    if (request.method === 'OPTIONS') return { status: 204, headers: preflightHeaders(request) };
    const [, service, path = ''] = /^\/(rest|storage|auth)\/v1\/(.*)$/.exec(url.pathname) ?? [];
    if (service === 'storage') return answerStorage(request, url, path);
    if (service === 'rest' && path.startsWith('rpc/'))
      return answerRpc(request, url, path.slice('rpc/'.length));
    if (service === 'rest') return tableNotFound(path);
    // Projects with a shared secret publish no keys.
    if (service === 'auth' && path === '.well-known/jwks.json') return jsonReply(200, { keys: [] });
    return jsonReply(404, { message: 'no Route matched with those values' });
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('access-control-allow-origin', '*');
    const reply = await route(request).catch((error: unknown) => {
      const clientLeft = request.destroyed && !request.complete;
      if (!clientLeft) onError?.(error);
      return jsonReply(500, { statusCode: '500', error: 'Internal', message: 'Internal Server Error' });
    });
    // A connection kept alive would keep close() waiting.
    if (closing.signal.aborted) response.setHeader('connection', 'close');
    await sendReply(response, reply);
  };
  const server = createServer({ keepAliveTimeout: keepAliveTimeoutMs }, (request, response) => {
    respond(request, response).catch((error: unknown) => {
      // Such as a stored content type, or a header that a function raised, which HTTP cannot carry.
      onError?.(error);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, host, resolve);
  });
  const schemaWatch = watchSchema({ databaseUrl, onChange: catalogue.invalidate });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`,
    port,
    async close() {
      closing.abort();
      const cutOff = setTimeout(() => server.closeAllConnections(), closeTimeoutMs);
      await new Promise((resolve) => server.close(resolve));
      clearTimeout(cutOff);
      await Promise.all([schemaWatch.end(), database.end()]);
    },
  };
}

/** Darkroom reads and writes by function calls only, so tables are not there at all. */
function tableNotFound(path: string): Reply {
  const message = `Could not find the table 'public.${path}' in the schema cache`;
  return rpcErrorReply(new RpcError({ status: 404, code: 'PGRST205', message }));
}

function preflightHeaders({ headers }: IncomingMessage): Record<string, string> {
  return {
    'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '*',
    'access-control-max-age': '3600',
  };
}
