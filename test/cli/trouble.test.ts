import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findFreePorts } from '../../src/local/free-ports.ts';
import { type FaultProxy, firstTimes, startFaultProxy } from '../support/fault-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { type CliStack, startCliStack } from './cli-stack.ts';
import { runDarkroom } from './darkroom.ts';

const SMALL = 'A harbour [[sim:bytes=1024]]';

let cli: CliStack;
before(async () => {
  cli = await startCliStack();
});
after(() => cli.stop());

describe('a command that is told wrong', () => {
  it('ends with 2 and a hint', async () => {
    for (const args of [['submitt'], ['submit'], ['status', 'a', 'b'], ['history', '--limit', '0'], []]) {
      const { code, stdout, stderr } = await cli.darkroom(...args);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.notEqual(stderr, '');
    }
    const wrong = [
      ['status', 'a', '--url', 'ftp://a'],
      ['status', 'a', '--url', 'http://me:secret@127.0.0.1'],
      ['submit', 'A', '--deadline', 'soon'],
      ['submit', 'A', '--metadata', 'none'],
      ['batch', 'a.txt', '--concurrency', '1000'],
      ['pause', '--until', 'soon'],
      ['status', 'a', '--retry-for', 'ever'],
    ];
    for (const args of wrong) {
      const { code, stderr } = await cli.darkroom(...args);
      assert.deepEqual([code, stderr.split('\n').length], [2, 2], args.join(' '));
      assert.doesNotMatch(stderr, /secret/);
    }
  });

  it('shows examples in the help of each', async () => {
    const { code, stdout } = await cli.darkroom('--help');
    assert.equal(code, 0);
    const [, listed = ''] = /^Commands:\n(.*?)\n\n/ms.exec(stdout) ?? [];
    const commands = [...listed.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => String(name));
    assert.ok(commands.length > 10);
    for (const name of commands.filter((one) => one !== 'help')) {
      const help = await cli.darkroom(name, '--help');
      assert.match(help.stdout, /Examples?:\n {2}(darkroom|id=|jq|export)/, name);
    }
  });
});

describe('a command that is not let in', () => {
  it('ends with 4, and never shows what it tried', async () => {
    const secret = `dk_${randomUUID()}`;
    const env = { DARKROOM_URL: cli.url, DARKROOM_API_KEY: secret };

    const { code, stderr } = await runDarkroom(['submit', SMALL], { env });
    const admin = await cli.darkroom('workers');
    const torn = await runDarkroom(['history'], { env: { ...env, DARKROOM_TOKEN: `a\n${secret}` } });

    assert.deepEqual([code, admin.code, torn.code], [4, 4, 2]);
    assert.match(stderr, /^[^\n]+ Set DARKROOM_API_KEY [^\n]+\n$/);
    assert.doesNotMatch(stderr + torn.stderr, new RegExp(secret));
  });
});

describe('a command whose API is away', () => {
  it('ends with 5 when it does not come back', async () => {
    const [port] = await findFreePorts(1);
    const env = { ...cli.env, DARKROOM_URL: `http://127.0.0.1:${port}` };

    const { code, stdout, stderr } = await runDarkroom(['status', randomUUID(), '--retry-for', '0.1'], {
      env,
    });

    assert.deepEqual([code, stdout], [5, '']);
    assert.match(
      stderr,
      /cannot be reached \(ECONNREFUSED\): is it running, and is --url or DARKROOM_URL right\?\n$/,
    );
  });

  it('submits once, says that it tries again, and goes on', async () => {
    const proxy = await startFaultProxy(cli.url);
    proxy.decide(firstTimes(2, ({ method }) => method === 'POST', 'lose'));
    cli.write('away.txt', `${randomUUID()} ${SMALL}`);

    const { code, stdout, stderr } = await cli.start(['batch', 'away.txt', '--json'], {
      env: { ...cli.env, DARKROOM_URL: proxy.url },
    }).ended;

    assert.equal(code, 0);
    assert.match(stderr, /does not answer \(.+\); trying again\.\nThe API answers again, after \d+ s\.\n$/);
    const { id } = JSON.parse(stdout);
    const found = await cli.stack.sql(
      'select * from public.batches where name = $1 and sealed_at is not null',
      ['away.txt'],
    );
    assert.deepEqual(
      found.map((batch) => batch.id),
      [id],
    );
    await proxy.close();
  });

  it('tells the key of a submit whose outcome nobody knows', async () => {
    const proxy = await startFaultProxy(cli.url);
    proxy.decide(() => 'lose');
    const env = { ...cli.env, DARKROOM_URL: proxy.url };
    const args = ['submit', SMALL, '--retry-for', '0.2', '--json'];

    const { code, stderr } = await runDarkroom(args, { env });
    const key = /--idempotency-key (\S+)/.exec(stderr)?.[1] ?? '';
    proxy.passAll();
    const again = await runDarkroom([...args, '--idempotency-key', key], { env });

    assert.equal(code, 5);
    const found = await cli.stack.sql(
      'select g.id from public.generated_images g order by created_at desc, id desc limit 1',
    );
    assert.equal(JSON.parse(again.stdout).id, found[0]?.id);
    await proxy.close();
  });
});

describe('a command whose images cannot be fetched', () => {
  let storage: FaultProxy;
  let env: Record<string, string>;
  before(async () => {
    storage = await startFaultProxy(cli.stack.supabaseUrl);
    const address = { SUPABASE_PUBLIC_URL: storage.url };
    const issuer = { SUPABASE_JWT_ISSUER: `${cli.stack.supabaseUrl}/auth/v1` };
    env = { ...cli.env, DARKROOM_URL: (await cli.stack.startApi({ ...address, ...issuer })).url };
    await cli.stack.startWorker(address);
  });
  after(() => storage.close());

  it('tries again what broke off, and sends no token there', async () => {
    storage.decide(firstTimes(2, () => true, 'halve'));

    const { code, stderr } = await cli.start(['submit', SMALL, '--out', 'halved.png'], { env }).ended;

    assert.equal(code, 0, stderr);
    assert.match(stderr, /where the images are, does not answer/);
    assert.ok(storage.requests.every(({ headers }) => headers.authorization === undefined));
  });

  it('tells which are not there or not right, ends with 3, and leaves nothing half', async () => {
    cli.write(
      'torn.txt',
      `1 ${randomUUID()} ${SMALL}\n2 ${randomUUID()} ${SMALL}\n3 ${randomUUID()} ${SMALL}\n`,
    );
    const paths: string[] = [];
    storage.decide(({ path }) => {
      if (!paths.includes(path)) paths.push(path);
      if (path === paths[0]) return { status: 404 };
      return path === paths[1] ? { status: 200, body: 'x'.repeat(1_024) } : 'pass';
    });

    const { code, stdout } = await cli.start(['batch', 'torn.txt', '--out', 'torn', '--concurrency', '1'], {
      env,
    }).ended;

    assert.equal(code, 3);
    assert.match(stdout, /its file cannot be had: its address answers HTTP 404/);
    assert.match(stdout, /its file cannot be had: its bytes are not those that were stored/);
    const files = readdirSync(join(cli.folder, 'torn')).filter((name) => name !== '.darkroom');
    assert.equal(files.length, 1);
    storage.passAll();
    assert.equal((await cli.start(['batch', 'torn.txt', '--out', 'torn'], { env }).ended).code, 0);
  });

  it('stops at Ctrl-C, says how to go on, and goes on', async () => {
    const key = randomUUID();
    cli.write('held.txt', `A harbour [[sim:bytes=1024; key=${key}; fault=hold:ok]]\n${key} ${SMALL}\n`);
    const start = () => cli.start(['batch', 'held.txt', '--out', 'held'], { env });
    const held = start();
    await waitFor('the other file', () => {
      const names = readdirSync(cli.folder).includes('held') ? readdirSync(join(cli.folder, 'held')) : [];
      return names.includes('line-2.png');
    });

    held.child.kill('SIGINT');
    const { code, stderr } = await held.ended;

    assert.equal(code, 130);
    assert.match(stderr, /Stopped\.\nBatch \S+ goes on\. To go on with it, run the same command again\.\n$/);
    cli.stack.gemini.control.release(key);
    const { stdout } = await start().ended;
    assert.match(stdout, /files +2 in held \(1 were there already\)/);
  });
});

it('whoever has read enough ends a command without a word', async () => {
  const items = Array.from({ length: 200 }, (_, n) => ({ prompt: `${n} ${'long '.repeat(200)}` }));
  const { id } = await cli.client.batches.create({ items });
  const history = cli.start(['history', '--batch', id, '--all', '--json']);

  await once(history.child.stdout, 'data');
  history.child.stdout.destroy();

  const { code, stderr } = await history.ended;
  assert.deepEqual([code, stderr], [141, '']);
});
