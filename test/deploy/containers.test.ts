import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fillIn } from '../containers/compose-values.ts';
import { findMissing, imagesNeeded } from '../containers/find-missing.ts';
import { selectForSupabase } from '../containers/selection.ts';
import { startNamed } from '../containers/start-containers.ts';

const run = fileURLToPath(new URL('../containers/run.ts', import.meta.url));

/** A Docker that has no images and reaches no registry; what it was asked to pull. */
async function startEmptyDocker() {
  const pulled: string[] = [];
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? '', 'http://docker');
    const answer = (status: number, body: object) => {
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (url.pathname.endsWith('/images/create')) {
      pulled.push(`${url.searchParams.get('fromImage')}`);
      return answer(500, { message: 'Get "https://registry.example/v2/": no such host' });
    }
    if (url.pathname.includes('/images/')) return answer(404, { message: 'No such image' });
    return answer(200, { ID: 'empty', OperatingSystem: 'Linux', ServerVersion: '28.0.0', Images: 0 });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, pulled, host: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('script/test containers', () => {
  it('names in one line an image that is neither there nor to be had, and exits with 3', async () => {
    const docker = await startEmptyDocker();
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, DOCKER_HOST: docker.host };
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', run], { env });
    const output: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => output.push(bytes));

    const [code] = await once(child, 'close');

    docker.server.close();
    docker.server.closeAllConnections();
    assert.equal(code, 3);
    const text = Buffer.concat(output).toString();
    assert.match(text, /^The image redis:\S+ is neither here nor can it be pulled: .*no such host.*\n$/);
    assert.equal(docker.pulled.length, 1);
  });

  it('says in one line that there is no Docker', async () => {
    const missing = await findMissing(async () => {
      throw new Error('Could not find a working container runtime strategy\n  at …');
    });

    assert.equal(missing, 'Docker is missing: Could not find a working container runtime strategy');
  });

  it('needs the image by which testcontainers cleans up, unless that is switched off', () => {
    const all = imagesNeeded({});
    const without = imagesNeeded({ TESTCONTAINERS_RYUK_DISABLED: 'true' });

    assert.match(all.at(-1) ?? '', /^testcontainers\/ryuk:/);
    assert.deepEqual(without, all.slice(0, -1));
    assert.equal(without.length, 5);
  });

  it('tells of a container that does not start which one it is, and what it said last', async () => {
    const log = new PassThrough();
    const container = {
      withLogConsumer: (consumer: (log: Readable) => unknown) => consumer(log),
      async start() {
        for (let line = 1; line <= 30; line += 1) log.write(`line ${line}\n`);
        log.end();
        await once(log, 'end');
        throw new Error('Health check not healthy');
      },
    };

    await assert.rejects(startNamed('rest', container), ({ message, cause }: Error) => {
      assert.match(message, /^The container rest did not start\. Its log ends:\n {2}line 11\n/);
      assert.match(message, /line 30$/);
      assert.equal((cause as Error).message, 'Health check not healthy');
      return true;
    });
  });

  it('runs all that asks Supabase for something, and says what it leaves out', () => {
    const { selection, leftOut } = selectForSupabase();
    const has = (end: string) => selection.files.some((file) => file.endsWith(end));

    assert.ok(['test/contract/rpc-results.test.ts', 'test/end-to-end.test.ts'].every(has));
    assert.ok(selection.files.length > 70);
    for (const file of leftOut.keys()) assert.ok(!has(file), file);
    assert.deepEqual(
      [...leftOut.keys()].filter((file) => file.includes('contract')),
      ['test/contract/gateway-faults.test.ts'],
    );
  });
});

/** As Compose writes one. */
const variable = (inside: string) => `$\{${inside}}`;

describe('a value of docker-compose.yml', () => {
  it('has its variables filled in, or their defaults', () => {
    const text = `a ${variable('ONE')} ${variable('TWO:-two')} ${variable('THREE:-')}`;
    assert.equal(fillIn(text, { ONE: '1' }), 'a 1 two ');
    assert.throws(() => fillIn(variable('FOUR:?is not set - run script/secrets'), {}), /FOUR is not set/);
  });
});
