import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { throughProxy } from '../support/tcp-proxy.ts';

/** The first on a connection brings the script with it, those after it only its hash. */
const ADD_JOB = /\$\d\r\neval(?:sha)?\r\n/g;

export type HalfWay = {
  url: string;
  /** Resolves when the next job's command was cut off. */
  cut: Promise<void>;
};

/**
 * A way to Redis that ends after so many jobs, in the middle of the next one's command: what is left in Redis when a
 * producer dies while it sends. BullMQ 6.7's addBulk is a plain pipeline (addJobs in its redis-queue-backend.js), one
 * script call a job and no MULTI around them, so that Redis takes each job as it comes.
 */
export async function startHalfWay(
  t: Pick<TestContext, 'after'>,
  redisUrl: string,
  jobs: number,
): Promise<HalfWay> {
  const { hostname, port } = new URL(redisUrl);
  const cut = Promise.withResolvers<void>();
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const redis = connect(Number(port), hostname);
    for (const socket of [client, redis]) {
      sockets.add(socket);
      // Somebody is going to be killed on it.
      socket.on('error', () => socket.destroy());
    }
    redis.pipe(client);
    client.once('close', () => redis.end());
    let received = '';
    let passed = 0;
    client.setEncoding('latin1').on('data', (text: string) => {
      received += text;
      const end = startOfCommand(received, jobs + 1);
      redis.write(received.slice(passed, end), 'latin1', () => end !== undefined && cut.resolve());
      passed = end ?? received.length;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    url: throughProxy(redisUrl, { port: (server.address() as AddressInfo).port }),
    cut: cut.promise,
  };
}

/** Where the nth command that adds a job has its name; undefined when it has not come yet. */
function startOfCommand(text: string, nth: number): number | undefined {
  return [...text.matchAll(ADD_JOB)][nth - 1]?.index;
}
