import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { SimulatorControl } from './control.ts';
import { assertRead, readBody } from './read-body.ts';
import { errorBody, misuse, Refusal } from './refusal.ts';
import type { SimulatorDefaults } from './settings.ts';

const CallsQuery = z
  .strictObject({
    key: z.string().optional(),
    wait_for: z.coerce.number().int().positive().optional(),
    event: z.enum(['started', 'answered', 'aborted']).default('started'),
  })
  .refine(({ key, wait_for }) => !(wait_for && key === undefined), 'wait_for needs a key');

const Release = z.strictObject({ key: z.string().optional() });

type Reply = { status: number; body?: unknown };

/**
 * Makes the answerer of `/_simulator/…`, the control for other processes:
 * `GET calls` counts (`?key=` for one key with details, `&wait_for=n&event=started` to wait until n are reached),
 * `DELETE calls`, `PUT defaults`, `POST release {key?}`, and `GET redirected`, where redirect-302 leads.
 */
export function createControlAnswerer(control: SimulatorControl) {
  const routes: Record<string, (url: URL, body: unknown, gone: AbortSignal) => Reply | Promise<Reply>> = {
    'GET /_simulator/calls': async (url, _body, gone) => {
      const { key, wait_for, event } = read(CallsQuery, Object.fromEntries(url.searchParams));
      if (key === undefined) return { status: 200, body: control.calls() };
      if (wait_for) await control.waitForCall(key, wait_for, event, gone);
      return { status: 200, body: control.callsOf(key) };
    },
    'DELETE /_simulator/calls': () => {
      control.clearCalls();
      return { status: 204 };
    },
    'PUT /_simulator/defaults': (_url, body) => {
      control.setDefaults(body as SimulatorDefaults);
      return { status: 204 };
    },
    'POST /_simulator/release': (_url, body) => {
      return { status: 200, body: { released: control.release(read(Release, body).key) } };
    },
    'GET /_simulator/redirected': () => ({ status: 200, body: { redirected: true } }),
  };

  return async function answerControl(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
    const left = new AbortController();
    res.once('close', () => left.abort());
    const route = routes[`${req.method} ${url.pathname}`];
    const { status, body } = route
      ? await readBody(req)
          .then((value) => {
            assertRead(value);
            return route(url, value, left.signal);
          })
          .catch(replyOfRefusal)
      : notFound(`There is no ${req.method} ${url.pathname}`);
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(body === undefined ? undefined : JSON.stringify(body));
  };
}

function notFound(message: string): Reply {
  return { status: 404, body: errorBody(404, 'NOT_FOUND', message) };
}

function replyOfRefusal(error: unknown): Reply {
  if (error instanceof Refusal) return { status: error.body.error.code, body: error.body };
  throw error;
}

function read<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (!result.success) throw misuse(z.prettifyError(result.error));
  return result.data;
}
