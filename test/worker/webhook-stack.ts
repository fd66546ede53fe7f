import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { isPublicAddress } from '../../src/shared/public-address.ts';
import { createRequestPublic, type RequestPublic } from '../../src/worker/public-request.ts';
import { createCertificate } from '../support/certificate.ts';
import { createLogLines } from '../support/log-lines.ts';
import { startTestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';

export type Received = { path: string; headers: IncomingHttpHeaders; body: string; at: number };
export type AnswerWebhook = (received: Received, response: ServerResponse) => void;

export type Receiver = {
  /** `https://{host}:{port}{path}` */
  url(path?: string, host?: string): string;
  /** All that has arrived at a path, oldest first. */
  at(path: string): Received[];
  answer(answer: AnswerWebhook): void;
  /** What a client has to trust. */
  ca: string;
  /** For workers, to whom its hosts pass for ones of the internet. */
  requestPublic: RequestPublic;
  close(): Promise<void>;
};

export const accept: AnswerWebhook = (_received, response) => void response.writeHead(204).end();

/** An HTTPS server of somebody's on 127.0.0.1, which has these names. `resolve` stands in for DNS. */
export async function startReceiver(
  hosts = ['hooks.test', 'other.test'],
  resolve = async (host: string) => (hosts.includes(host) ? ['127.0.0.1'] : []),
): Promise<Receiver> {
  const { key, cert } = createCertificate(hosts);
  const received: Received[] = [];
  let answer = accept;
  const server = createServer({ key, cert }, (request, response) => {
    response.on('error', () => undefined);
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request
      .on('error', () => undefined)
      .on('end', () => {
        const one = { path: request.url ?? '', headers: request.headers, body, at: performance.now() };
        received.push(one);
        answer(one, response);
      });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: (path = '/', host = hosts[0]) => `https://${host}:${port}${path}`,
    at: (path) => received.filter((one) => one.path === path),
    answer(next) {
      answer = next;
    },
    ca: cert,
    requestPublic: createRequestPublic({
      resolve,
      isPublic: (address) => address === '127.0.0.1' || isPublicAddress(address),
      ca: cert,
    }),
    async close() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** As a receiver checks it, by the official package. @throws when it is not signed with this secret */
export function verify(secret: string, { body, headers }: Received): { type: string; data: { id: string } } {
  return new Webhook(secret).verify(body, headers as Record<string, string>) as {
    type: string;
    data: { id: string };
  };
}

export const submit = (client: DarkroomClient, url: string, prompt = 'A harbour') =>
  client.submit({ prompt: `${prompt} [[sim:bytes=1024]]`, webhook_url: url });
export const deliveryOf = async (client: DarkroomClient, imageId: string) => {
  for await (const delivery of client.webhooks.deliveries({ image_id: imageId })) return delivery;
  return undefined;
};
export const ended = (client: DarkroomClient, imageId: string, status: string) =>
  waitFor(`a delivery that ${status}`, async () => {
    const delivery = await deliveryOf(client, imageId);
    return delivery?.status === status && delivery;
  });

/** A stack with an API, two workers, as everywhere, and a receiver that passes for one of the internet. */
export async function startWebhookStack() {
  const stack = await startTestStack();
  const hosts = ['hooks.test', 'other.test', 'rebinding.test'];
  const names = new Map<string, string[][]>();
  const receiver = await startReceiver(hosts, async (host) => {
    const answers = names.get(host) ?? [hosts.includes(host) ? ['127.0.0.1'] : []];
    return (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
  });
  const { url } = await stack.startApi();
  const logLines = createLogLines();
  for (let n = 0; n < 2; n += 1) {
    await stack.startWorker({}, logLines.log, undefined, undefined, receiver.requestPublic);
  }
  let paths = 0;
  return {
    sql: stack.sql,
    receiver,
    logLines,
    /** What DNS says of a name, each time that it is asked, the last answer for good. */
    names,
    newPath: () => `/hook-${++paths}`,
    /** A user with a client and a secret. */
    async newUser(): Promise<{ client: DarkroomClient; secret: string }> {
      const client = createDarkroomClient({ baseUrl: url, token: (await stack.createUser()).token });
      const { secret } = await client.webhooks.secrets.create();
      return { client, secret };
    },
    received: (path: string, count = 1): Promise<Received[]> =>
      waitFor(`${count} at ${path}`, () => receiver.at(path).length >= count && receiver.at(path)),
    failed: (client: DarkroomClient, imageId: string, code: string) =>
      waitFor(`an attempt that failed with ${code}`, async () => {
        const delivery = await deliveryOf(client, imageId);
        return delivery?.error_code === code && delivery.status === 'pending' && delivery;
      }),
    /** The next attempt for an image comes now, however much later it was planned. */
    passTime: (imageId: string) =>
      stack.sql(
        `update public.webhook_deliveries set due_at = now() - interval '1 second'
         where image_id = $1 and status = 'pending' and claim_id is null`,
        [imageId],
      ),
    async stop() {
      await stack.stop();
      await receiver.close();
    },
  };
}
export type WebhookStack = Awaited<ReturnType<typeof startWebhookStack>>;
