import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCallAnswerer } from './answer-call.ts';
import { createCallLog } from './call-log.ts';
import { createControl, type SimulatorControl } from './control.ts';
import { createControlAnswerer } from './control-routes.ts';
import { createHeldCalls } from './held-calls.ts';
import type { SimulatorDefaults } from './settings.ts';

export type SimulatorOptions = {
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** When set, calls with another `x-goog-api-key` are refused. */
  apiKey?: string | undefined;
  defaults?: SimulatorDefaults;
};

export type GeminiSimulator = {
  /** Base URL for the SDK's `httpOptions.baseUrl`, without a slash at its end. */
  url: string;
  port: number;
  control: SimulatorControl;
  /** Stops, cutting the connections of calls that are still open. */
  close: () => Promise<void>;
};

// Longer than any client keeps an idle connection: the server closing it first would look like a fault nobody asked for.
const KEEP_ALIVE_MS = 120_000;
const CALL_PATH = /^\/(v1|v1beta)\/models\/([\w.-]+):generateContent$/;

/**
 * Starts an HTTP server that speaks Gemini's `generateContent` for image models: it draws the prompt, or fails as the
 * prompt's `[[sim:…]]` markers and the defaults say. Rejects when it cannot listen on the port.
 */
export async function startGeminiSimulator({
  host,
  port,
  apiKey,
  defaults: initial,
}: SimulatorOptions): Promise<GeminiSimulator> {
  const log = createCallLog();
  const held = createHeldCalls();
  const { control, defaults } = createControl(log, held, initial);
  const answerCall = createCallAnswerer({ log, held, defaults, apiKey });
  const answerControl = createControlAnswerer(control);

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (req, res) => {
    // Only a client that left before its request was complete gets here.
    route(req, res).catch(() => res.destroy());
  });

  async function route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://simulator');
    const [, version, model] = CALL_PATH.exec(url.pathname) ?? [];
    if (req.method === 'POST' && version && model) return answerCall(req, res, version, model);
    return answerControl(req, res, url);
  }

  server.listen(port, host);
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    control,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
