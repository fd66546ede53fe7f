import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CheckDependencies } from '../shared/dependencies.ts';
import type { Logger } from '../shared/logger.ts';
import type { MetricsPage } from '../shared/metrics/metrics-page.ts';
import { mayReadMetrics } from '../shared/metrics/metrics-token.ts';

/** `starting`: not yet registered; `draining`: takes nothing new. */
export type WorkerPhase = 'starting' | 'working' | 'draining';

type Answer = { status: number; type: string; body: string; headers?: Record<string, string> };

/** Those that an older database would lack: a worker is ready once its migrations are in. */
export const NEEDED_FUNCTIONS = [
  'beat_worker',
  'claim_generation',
  'claim_generations',
  'complete_generation',
  'complete_generations',
  'complete_and_claim_generations',
  'release_generations',
  'claim_storage_cleanup',
  'claim_webhook_deliveries',
  'fold_usage',
];

/**
 * What supervisors and Prometheus ask of a worker: `/healthz`, which touches nothing; `/readyz`, each dependency with its
 * state, and 503 while it could take no images; `/metrics`.
 */
export async function startWorkerServer(deps: {
  host: string;
  port: number;
  phase: () => WorkerPhase;
  checkDependencies: CheckDependencies;
  metricsPage: MetricsPage;
  metricsToken: string | undefined;
  log: Logger;
}): Promise<{ url: string; close(): Promise<void> }> {
  const pages: Record<string, (req: IncomingMessage) => Promise<Answer>> = {
    '/healthz': async () => json(200, { status: 'ok' }),
    '/readyz': () => readiness(deps),
    '/metrics': async (req) => {
      if (!mayReadMetrics(req.headers.authorization, deps.metricsToken)) {
        return {
          ...refusal(401, 'unauthorized'),
          headers: { 'www-authenticate': 'Bearer realm="darkroom"' },
        };
      }
      return { status: 200, type: deps.metricsPage.contentType, body: await deps.metricsPage.read() };
    },
  };

  const server = createServer((req, res) => {
    const page = pages[req.url?.split('?')[0] ?? ''];
    answer(req, page).then(
      (told) => send(req, res, told),
      (error: unknown) => {
        deps.log.error({ err: error }, 'worker_request.failed');
        send(req, res, refusal(500, 'internal'));
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(deps.port, deps.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${deps.host}:${port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  req: IncomingMessage,
  page: ((req: IncomingMessage) => Promise<Answer>) | undefined,
): Promise<Answer> {
  if (!page) return refusal(404, 'not_found');
  if (req.method === 'GET' || req.method === 'HEAD') return page(req);
  return { ...refusal(405, 'method_not_allowed'), headers: { allow: 'GET, HEAD' } };
}

/** Without Storage it goes on: it keeps an image until that is back. */
async function readiness(deps: {
  phase: () => WorkerPhase;
  checkDependencies: CheckDependencies;
}): Promise<Answer> {
  const dependencies = await deps.checkDependencies();
  const phase = deps.phase();
  const canWork = dependencies.database === 'up' && dependencies.redis === 'up';
  const status = phase !== 'working' ? phase : canWork ? 'ready' : 'not_ready';
  return json(status === 'ready' ? 200 : 503, { status, dependencies });
}

const json = (status: number, body: unknown): Answer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(body),
});

const refusal = (status: number, code: string): Answer => json(status, { code });

function send(req: IncomingMessage, res: ServerResponse, { status, type, body, headers }: Answer): void {
  res.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers });
  res.end(req.method === 'HEAD' ? undefined : body);
}
