/** What the README shows is copied and run, as it stands there: the shell's examples, and the programs. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { API_ERRORS } from '../src/api/api-error.ts';
import { ERROR_CODES } from '../src/shared/generation.ts';
import { makeTempFolder } from './support/temp-folder.ts';
import { startTestStack, type TestStack } from './support/test-stack.ts';

const run = promisify(execFile);
const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** A checkout of its own, for the examples write into it. */
const checkout = makeTempFolder();
const folder = join(checkout, 'tour');

let stack: TestStack;
let API: string;
before(async () => {
  stack = await startTestStack();
  API = (await stack.startApi()).url;
  await stack.startWorker();
  for (const name of ['.tools', 'bin', 'node_modules', 'package.json', 'script', 'src']) {
    if (existsSync(join(ROOT, name))) symlinkSync(join(ROOT, name), join(checkout, name));
  }
  mkdirSync(folder);
});
after(async () => {
  await stack.stop();
  rmSync(checkout, { recursive: true, force: true });
});

/** The one example of a language that holds this text. */
function example(language: string, text: string): string {
  const blocks = [...README.matchAll(/^ *```(\w+)\n(.*?)^ *```$/gms)].filter(
    ([, name, code]) => name === language && code?.includes(text),
  );
  assert.equal(blocks.length, 1, text);
  return String(blocks[0]?.[2]);
}

/** In the shell that the tour makes ready, of a user of its own. Ends with an error if one of the commands does. */
async function runInShell(script: string): Promise<string> {
  const { token } = await stack.createUser();
  const tokens = { TOKEN: token, ADMIN_TOKEN: stack.serviceRoleKey };
  const env = { PATH: String(process.env.PATH), HOME: checkout, API, ...tokens };
  const ready = example('sh', '. script/env');
  return (await run('sh', ['-euc', `${ready}\n${script}`], { env, cwd: checkout })).stdout;
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
  const output = await runInShell(example('sh', 'images=$API'));

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

  const output = await runInShell(`${byHand}\n${many.replace('seq 1000', 'seq 12')}`);

  assert.match(output, /"status": "succeeded".*"to":"processing".*12 in harbours.*^state +running$/ms);
  assert.equal(readdirSync(join(folder, 'harbours')).filter((name) => name.endsWith('.png')).length, 12);
});

test('a first image', options, async () => {
  const output = await runInShell(example('sh', '"style": "photorealistic"'));

  assert.match(output, /"status":"(pending|processing|succeeded)".*\n\{"items":\[/);
});

test('a dataset with images and a logo', options, async () => {
  const output = await runInShell(example('sh', 'images=@lamp.jpg'));

  assert.match(output, /"prompt_used":"Brand: Coffee Co\..*"reference_images_count":2/s);
});

test('a file full of prompts', options, async () => {
  const output = await runInShell(example('sh', 'key=$(sha256sum'));

  assert.match(output, /"images":2.*"total": 2.*"canceled_at":"2.*"code":"nothing_to_retry".*"items":\[/s);
  assert.equal(output.match(/"code":"/g)?.length, 2, 'of that refusal and its one error');
});

test('batches by the command line', options, async () => {
  const output = await runInShell(example('sh', 'darkroom batch menu.csv'));

  assert.match(output, /images +2\n.*files +2 in menu.*lighthouse\tsucceeded\tmenu\/lighthouse\.png/s);
  await runInShell(`
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
  const output = await runInShell(example('sh', 'webhook-secrets'));

  assert.match(output, /"status":"pending".*"items":\[\]/s);
});

test('a webhook that is checked', async () => {
  const program = join(folder, 'webhook.ts');
  const code = `
    ${example('ts', 'function readWebhook')}
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
  const output = await runInShell(`${example('sh', '/ai/usage"')}\nhead -1 usage.csv`);

  assert.match(
    output,
    /"group_by":\["day"\].*"group_by":\["dataset","model"\].*is_complete":true\}.*"items":\[.*day,style,accepted,/s,
  );
  assert.doesNotMatch(output, /"code":"/);
});

test('events by hand', options, async () => {
  assert.match(await runInShell(example('sh', 'send -N')), /^retry: \d+\n/);
});

test('events in a browser, of a link', async () => {
  const program = join(folder, 'events.ts');
  const code = `
    import { EventSource } from 'eventsource';
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

test('a program by the client, and every call that it may go on with', options, async () => {
  const first = example('ts', 'createDarkroomClient({');
  const program = join(folder, 'lighthouse.ts');
  writeFileSync(program, first);
  assert.match(await runInShell(example('sh', 'node lighthouse.ts')), /succeeded\nhttp\S+ 0\.\d+ \/ai\S+\n$/);

  writeFileSync(
    program,
    [first, ...['{ datasets } = darkroom', '{ batches } = darkroom'].map((text) => example('ts', text))].join(
      '',
    ),
  );
  const output = await runInShell(example('sh', 'node lighthouse.ts'));

  assert.match(output, /^Coffee$.*^nightly .*^Menu completed$/ms);
});
