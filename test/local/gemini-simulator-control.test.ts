import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CallTally } from '../../src/local/gemini/call-log.ts';
import { type GeminiSimulator, startGeminiSimulator } from '../../src/local/gemini/simulator.ts';
import { createGenerate, type Generate, imageOf, MODEL } from './gemini-client.ts';

const MAIN = fileURLToPath(new URL('../../src/local/gemini/main.ts', import.meta.url));

describe('the control of the Gemini simulator', () => {
  let simulator: GeminiSimulator;
  let generate: Generate;
  before(async () => {
    simulator = await startGeminiSimulator({ host: '127.0.0.1', port: 0 });
    generate = createGenerate(simulator.url);
  });
  beforeEach(() => {
    simulator.control.clearCalls();
    simulator.control.setDefaults({ bytes: 1024 });
  });
  after(() => simulator.close());

  const control = (method: string, path: string, body?: unknown) =>
    fetch(`${simulator.url}/_simulator/${path}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  const outcomesOf = async (prompt: string, calls: number) => {
    const outcomes: string[] = [];
    for (let n = 0; n < calls; n++) {
      outcomes.push(
        await generate(prompt).then(
          () => 'ok',
          (error) => String(error.status),
        ),
      );
    }
    return outcomes.join(' ');
  };

  const SEQUENCES: [fault: string, outcomes: string][] = [
    ['503', '503 503 503 503'],
    ['503*2', '503 503 ok ok'],
    ['503,429-bare,ok', '503 429 ok ok'],
    ['ok,503*2,404', 'ok 503 503 404'],
    ['500*1, 404*1', '500 404 ok ok'],
  ];
  for (const [fault, outcomes] of SEQUENCES) {
    it(`plays ${fault} as ${outcomes}`, async () => {
      assert.equal(await outcomesOf(`a cup [[sim:fault=${fault}]]`, 4), outcomes);
    });
  }

  it('counts by the whole prompt, or by the key it names', async () => {
    await Promise.all(
      ['a cup', 'a cup', 'a mug', 'a [[sim:key=same]]', 'b [[sim: bytes=300; key=same ]]'].map((p) =>
        generate(p),
      ),
    );
    const { total, keys } = simulator.control.calls();
    assert.deepEqual(Object.fromEntries(keys.map((tally) => [tally.key, tally.answered])), {
      'a cup': 2,
      'a mug': 1,
      same: 2,
    });
    assert.deepEqual([total.started, total.billed, total.open], [5, 5, 0]);
  });

  it('holds calls until they are released, and tells how many were open at once', async () => {
    const prompt = 'a cup [[sim:fault=hold; key=held]]';
    const calls = [generate(prompt), generate(prompt)];
    const tally = await simulator.control.waitForCall('held', 2);
    assert.deepEqual([tally.started, tally.open, tally.answered], [2, 2, 0]);
    assert.equal(simulator.control.release('another'), 0);
    assert.equal(simulator.control.release('held'), 2);
    await Promise.all(calls);
    const { calls: records, ...counts } = simulator.control.callsOf('held');
    assert.deepEqual([counts.answered, counts.open, counts.max_open, counts.billed], [2, 0, 2, 2]);
    assert.deepEqual(
      records.map(({ nth, model, outcome, status, billed }) => [nth, model, outcome, status, billed]),
      [1, 2].map((nth) => [nth, MODEL, 'answered', 200, true]),
    );
  });

  it('lets a held call fail once it is released', async () => {
    const call = generate('a cup [[sim:fault=hold:503; key=late]]');
    await simulator.control.waitForCall('late');
    simulator.control.release();
    await assert.rejects(call, { status: 503 });
  });

  it('sees a client leave a held call', async () => {
    const leave = new AbortController();
    const call = generate('a cup [[sim:fault=hold; key=left]]', { signal: leave.signal });
    await simulator.control.waitForCall('left');
    leave.abort();
    await assert.rejects(call, { name: 'AbortError' });
    const tally = await simulator.control.waitForCall('left', 1, 'aborted');
    assert.deepEqual([tally.open, tally.aborted, tally.maybe_billed], [0, 1, 1]);
    assert.equal(simulator.control.release('left'), 0);
  });

  it('sees a client leave in the middle of a large image', async () => {
    const leave = new AbortController();
    const response = await fetch(`${simulator.url}/v1/models/${MODEL}:generateContent`, {
      method: 'POST',
      body: JSON.stringify({ contents: [{ parts: [{ text: '[[sim:bytes=25000000; key=large]]' }] }] }),
      signal: leave.signal,
    });
    leave.abort();
    const tally = await simulator.control.waitForCall('large', 1, 'aborted');
    assert.deepEqual([response.status, tally.answered, tally.maybe_billed], [200, 0, 1]);
  });

  it('limits one model and not another', async () => {
    simulator.control.setDefaults({ bytes: 1024, models: { 'gemini-3-pro-image': { fault: '429-minute' } } });
    await assert.rejects(generate('a cup', { model: 'gemini-3-pro-image' }), { status: 429 });
    await generate('a cup');
  });

  it('lets a marker go before the defaults', async () => {
    simulator.control.setDefaults({ fault: '503', mime: 'image/webp' });
    await assert.rejects(generate('a cup'), { status: 503 });
    const { mimeType } = imageOf(await generate('a cup [[sim:fault=ok]]'));
    assert.equal(mimeType, 'image/webp');
  });

  it('waits before it answers', async () => {
    simulator.control.setDefaults({ bytes: 1024, latency_ms: 40, latency_jitter: 0.5, seed: 7 });
    const startedAt = performance.now();
    await generate('a cup');
    // Half of 40 ms at least, less one that timers may be early.
    assert.ok(performance.now() - startedAt >= 19);
  });

  it('is served over HTTP', async () => {
    assert.equal((await control('PUT', 'defaults', { bytes: 2048, fault: 'hold' })).status, 204);
    const call = generate('over http');
    const seen = await control('GET', 'calls?key=over%20http&wait_for=1');
    assert.equal(((await seen.json()) as CallTally).open, 1);
    assert.deepEqual(await (await control('POST', 'release', { key: 'over http' })).json(), { released: 1 });
    assert.equal(imageOf(await call).bytes.length, 2048);
    const { total } = (await (await control('GET', 'calls')).json()) as { total: CallTally };
    assert.deepEqual([total.started, total.answered], [1, 1]);
    assert.equal((await control('DELETE', 'calls')).status, 204);
    assert.equal(simulator.control.calls().total.started, 0);
  });

  it('refuses what it does not understand', async () => {
    assert.throws(() => simulator.control.setDefaults({ fault: 'nonsense' }), /unknown fault 'nonsense'/);
    for (const body of [{ fault: 'nonsense' }, { latency: 3 }, { models: { any: { bytes: 1 } } }]) {
      assert.equal((await control('PUT', 'defaults', body)).status, 400);
    }
    assert.equal((await control('GET', 'calls?wait_for=1')).status, 400);
    assert.equal((await control('POST', 'release', { name: 'x' })).status, 400);
  });

  it('ends open calls when it closes', async () => {
    const other = await startGeminiSimulator({ host: '127.0.0.1', port: 0 });
    const call = createGenerate(other.url)('a cup [[sim:fault=hang]]');
    await other.control.waitForCall('a cup [[sim:fault=hang]]');
    await Promise.all([other.close(), assert.rejects(call, { message: 'fetch failed' })]);
  });

  it('runs as a process that tells its URL and ends on SIGTERM', async () => {
    const env = { ...process.env, HOST: '127.0.0.1', PORT: '0', GEMINI_API_KEY: 'right' };
    const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const [line] = await once(child.stderr, 'data');
    const [url] = /http:\S+/.exec(String(line)) ?? [];
    assert.ok(url);
    await createGenerate(url, 'right')('a cup [[sim:bytes=1024]]');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
});
