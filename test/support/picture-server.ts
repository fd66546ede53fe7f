import { once } from 'node:events';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCertificate } from './certificate.ts';

export type PictureRequest = { host: string; path: string; headers: IncomingHttpHeaders };
export type AnswerPicture = (request: PictureRequest, response: ServerResponse) => void;

export type PictureServer = {
  port: number;
  /** What a client has to trust. */
  ca: string;
  /** `https://{host}:{port}{path}` */
  url(host: string, path?: string): string;
  /** All that has arrived, oldest first. */
  requests: PictureRequest[];
  /** How many TCP connections were made, and how many of them are open. */
  connections(): { made: number; open: number };
  /** From now on; the one before is forgotten. */
  answer(answer: AnswerPicture): void;
  close(): Promise<void>;
};

/** An HTTPS server of somebody else on 127.0.0.1, with a certificate for these hosts. */
export async function startPictureServer(
  hosts: string[],
  certificate: { expired?: boolean } = {},
): Promise<PictureServer> {
  const { key, cert } = createCertificate(hosts, certificate);
  const requests: PictureRequest[] = [];
  let answer: AnswerPicture = (_request, response) => void response.writeHead(404).end();
  let made = 0;
  let open = 0;
  const server = createServer({ key, cert }, ({ headers, url: path = '' }, response) => {
    const request = { host: headers.host ?? '', path, headers };
    requests.push(request);
    response.on('error', () => undefined);
    answer(request, response);
  });
  server.on('connection', (socket) => {
    made += 1;
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    ca: cert,
    url: (host, path = '/') => `https://${host}:${port}${path}`,
    requests,
    connections: () => ({ made, open }),
    answer: (next) => {
      answer = next;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
