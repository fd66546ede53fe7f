/** What the README shows is copied and run: the shell's examples, and those of the client. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { API_ERRORS } from '../src/api/api-error.ts';
import { ERROR_CODES } from '../src/shared/generation.ts';
import { plainPicture } from './support/gemini-answers.ts';
import { makeTempFolder } from './support/temp-folder.ts';
import { startTestStack, type TestStack } from './support/test-stack.ts';

const run = promisify(execFile);
const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const folder = makeTempFolder();

let stack: TestStack;
let API: string;
before(async () => {
  stack = await startTestStack();
  API = (await stack.startApi()).url;
  await stack.startWorker();
  writeFileSync(join(folder, 'lamp.jpg'), await plainPicture(64, 64, 'jpeg'));
  writeFileSync(join(folder, 'cup.png'), await plainPicture(64, 64));
  writeFileSync(join(folder, 'prompts.txt'), 'A harbour\nA "quoted" lighthouse\n');
  mkdirSync(join(folder, 'bin'));
  symlinkSync(fileURLToPath(new URL('../bin/darkroom.js', import.meta.url)), join(folder, 'bin', 'darkroom'));
  // curl ends with an error for every refusal.
  writeFileSync(join(folder, '.curlrc'), 'fail-with-body\n');
});
after(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The one example of a language that holds this text. */
function example(language: string, text: string): string {
  const blocks = [...README.matchAll(/^ *```(\w+)\n(.*?)^ *```$/gms)].filter(
    ([, name, code]) => name === language && code?.includes(text),
  );
  assert.equal(blocks.length, 1, text);
  return String(blocks[0]?.[2]);
}

async function runInShell(script: string): Promise<string> {
  const { token } = await stack.createUser();
  const tokens = { TOKEN: token, ADMIN_TOKEN: stack.serviceRoleKey };
  const PATH = `${join(folder, 'bin')}:${process.env.PATH}`;
  const env = { PATH, HOME: folder, CURL_HOME: folder, API, ...tokens };
  return (await run('sh', ['-euc', script], { env, cwd: folder })).stdout;
}

/** Left out, and told so, where the machine lacks a program of the example. */
const needing = async (...programs: string[]) => {
  const isThere = (name: string) =>
    run('sh', ['-c', `command -v ${name}`]).then(
      () => true,
      () => false,
    );
  const there = await Promise.all(programs.map(isThere));
  const missing = programs.filter((_, index) => !there[index]);
  return { skip: missing.length > 0 && `this machine has no ${missing.join(' and no ')}` };
};
const options = await needing('curl', 'jq');

test('every call by hand', options, async () => {
  const output = await runInShell(example('sh', 'ask() {'));

  assert.doesNotMatch(output, /"code":"/);
  assert.equal((await sharp(join(folder, 'lighthouse.png')).metadata()).format, 'png');
});

test('an image by Python', await needing('python3'), async () => {
  const { token } = await stack.createUser();
  const env = { PATH: process.env.PATH, API, TOKEN: token };

  const { stdout } = await run('python3', ['-c', example('python', 'urllib.request')], { env, cwd: folder });

  assert.match(stdout, /^succeeded http\S+ 0\.\d+\n$/);
  assert.equal((await sharp(join(folder, 'lighthouse-by-python.png')).metadata()).format, 'png');
});

test('every code has a line that says what helps', () => {
  const codesOf = (title: string) => {
    const [, from = ''] = README.split(title);
    const rows = from.slice(0, from.indexOf('\n\n')).split('\n').slice(2);
    return rows.flatMap((row) => row.split('|')[1]?.match(/\w+/g) ?? []).sort();
  };

  assert.deepEqual(codesOf('| `error.code` of an image'), [...ERROR_CODES].sort());
  assert.deepEqual(codesOf('| refusal |'), Object.keys(API_ERRORS).sort());
});

test('the tour', options, async () => {
  const [byHand, many] = [example('sh', 'A lighthouse at dusk'), example('sh', 'seq 1000')];

  const output = await runInShell(
    `${byHand}\n${many.replace('seq 1000', 'seq 12').replaceAll('npx darkroom', 'darkroom')}`,
  );

  assert.match(output, /"status": "succeeded".*"to":"processing".*12 in harbours.*^state +running$/ms);
  assert.equal(readdirSync(join(folder, 'harbours')).filter((name) => name.endsWith('.png')).length, 12);
});

test('a first image', options, async () => {
  assert.match(await runInShell(example('sh', '"style": "photorealistic"')), /"status":"pending"/);
});

test('a dataset with images and a logo', options, async () => {
  const output = await runInShell(example('sh', 'images=@lamp.jpg'));

  assert.match(output, /"prompt_used":"Brand: Coffee Co\..*"reference_images_count":2/s);
});

test('a file full of prompts', options, async () => {
  const output = await runInShell(`sha256sum --version >/dev/null; ${example('sh', 'many() {')}`);

  assert.match(output, /"images":2.*"total": 2.*"canceled_at":"2.*"parent_id":"[0-9a-f-]{36}"/s);
  assert.doesNotMatch(output, /"code":"/);
});

test('batches by the command line', options, async () => {
  const output = await runInShell(example('sh', 'darkroom batch menu.csv'));

  assert.match(output, /images +2\n.*files +2 in menu.*lighthouse\tsucceeded\tmenu\/lighthouse\.png/s);
  await runInShell(`
    export DARKROOM_URL=$API DARKROOM_TOKEN=$TOKEN
    darkroom batch menu.csv
    id=$(darkroom history --limit 1 --json | jq -r .id)
    ${example('sh', 'darkroom download')}`);
  for (const name of ['menu/harbour.png', 'ship.png', 'anime.png', 'copies/lighthouse.png']) {
    assert.equal((await sharp(join(folder, name)).metadata()).format, 'png');
  }
});

test('every call of an operator', options, async () => {
  const output = await runInShell(example('sh', 'admin() {'));

  assert.match(output, /"reason":"new key".*"pauses":\[\].*"max_concurrency":50.*"dry_run":true/s);
});

test('webhooks by hand', options, async () => {
  const output = await runInShell(example('sh', 'hook() {'));

  assert.match(output, /"status":"pending".*"items":\[\]/s);
});

test('a webhook that is checked', async () => {
  const program = join(folder, 'webhook.ts');
  const library = import.meta.resolve('standardwebhooks');
  const code = `
    ${example('ts', 'function readWebhook').replace("'standardwebhooks'", `'${library}'`)}
    const secret = 'whsec_' + Buffer.alloc(36, 7).toString('base64');
    const [body, now] = ['{"type": "image.succeeded", "data": {"id": "an-image"}}', new Date()];
    const headers = {
      'webhook-id': 'an-id',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign('an-id', now, body),
    };
    console.log(JSON.stringify(readWebhook(secret, body, headers)));`;
  writeFileSync(program, code);

  const { stdout } = await run(process.execPath, [program]);

  assert.deepEqual(JSON.parse(stdout), { type: 'image.succeeded', imageId: 'an-image', onceById: 'an-id' });
});

test('usage by hand', options, async () => {
  const output = await runInShell(`${example('sh', 'usage() {')}\nhead -1 usage.csv`);

  assert.match(
    output,
    /"group_by":\["day"\].*"group_by":\["dataset","model"\].*is_complete":true\}.*"items":\[.*day,style,accepted,/s,
  );
  assert.doesNotMatch(output, /"code":"/);
});

test('events by hand', options, async () => {
  assert.match(await runInShell(example('sh', 'curl -sN')), /^retry: \d+\n/);
});

test('events in a browser, of a link', async () => {
  const program = join(folder, 'events.ts');
  const library = import.meta.resolve('eventsource');
  const code = `
    import { EventSource } from '${library}';
    ${example('ts', 'new EventSource(')}
    const [api] = process.argv.slice(2);
    const body = JSON.stringify({ prompt: 'A harbour [[sim:bytes=1024]]' });
    const headers = { 'content-type': 'application/json' };
    const record = await (await fetch(api + '/ai/generate', { method: 'POST', headers, body })).json();
    follow(api, record, ({ status }) => console.log(status));`;
  writeFileSync(program, code);

  const { stdout } = await run(process.execPath, [program, API]);

  assert.match(stdout, /succeeded\n$/);
});

test('every call by the client', async () => {
  const { token } = await stack.createUser();
  const program = join(folder, 'example.ts');
  const client = new URL('../src/client/client.ts', import.meta.url).href;
  const code = `
    import { openAsBlob } from 'node:fs';
    import { createDarkroomClient } from '${client}';
    const [API, TOKEN] = process.argv.slice(2);
    const picture = await openAsBlob('cup.png');
    const shown: unknown[] = [];
    const show = (...values: unknown[]) => shown.push(...values);
    ${example('ts', 'createDarkroomClient({')}
    ${example('ts', '{ batches } = darkroom')}
    console.log(JSON.stringify({ id, shown }));`;
  writeFileSync(program, code);

  const { stdout } = await run(process.execPath, [program, API, token], { cwd: folder });

  const { id, shown } = JSON.parse(stdout);
  assert.ok(shown.includes('succeeded') && shown.includes(id), stdout);
});
