import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, createApiClient } from './api-client.ts';

let stack: TestStack;
let direct: ApiClient;
let behindProxy: ApiClient;
before(async () => {
  stack = await startTestStack();
  direct = createApiClient((await stack.startApi()).url);
  behindProxy = createApiClient((await stack.startApi({ TRUSTED_PROXIES: '1' })).url);
});
after(() => stack.stop());

/** Whose turn an image of a caller at this address counts as. */
async function laneOf(api: ApiClient, address?: string): Promise<string> {
  const headers = address === undefined ? {} : { 'x-forwarded-for': address };
  const { body } = await api.generate({ prompt: 'A fox' }, headers);
  const [row] = await stack.sql('select lane_key from generated_images where id = $1', [body.id]);
  return row?.lane_key;
}

describe('an anonymous caller', () => {
  it('is told from others by address, which is not kept', async () => {
    const lane = await laneOf(behindProxy, '203.0.113.7');

    assert.match(lane, /^anonymous:[0-9a-f]{24}$/);
    assert.equal(await laneOf(behindProxy, '203.0.113.7'), lane);
    assert.notEqual(await laneOf(behindProxy, '203.0.113.8'), lane);
  });

  it('cannot choose an address where no proxy is trusted', async () => {
    assert.equal(await laneOf(direct, '203.0.113.7'), await laneOf(direct, '203.0.113.8'));
    assert.equal(await laneOf(direct, '203.0.113.7'), await laneOf(direct));
  });

  it('cannot put an address before the one that the trusted proxy saw', async () => {
    assert.equal(
      await laneOf(behindProxy, '198.51.100.1, 203.0.113.7'),
      await laneOf(behindProxy, '203.0.113.7'),
    );
  });

  const pairs: [name: string, one: string, other: string, same: boolean][] = [
    ['one IPv6 network of a subscriber', '2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', true],
    ['one IPv6 network, written short and long', '2001:db8::1', '2001:db8:0:0:1:2:3:4', true],
    ['two IPv6 networks', '2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['an IPv4 address and the same one mapped', '203.0.113.7', '::ffff:203.0.113.7', true],
    ['two mapped IPv4 addresses', '::ffff:203.0.113.7', '::ffff:203.0.113.8', false],
  ];
  for (const [name, one, other, same] of pairs) {
    it(`is ${same ? 'one caller' : 'two callers'}: ${name}`, async () => {
      const [a, b] = [await laneOf(behindProxy, one), await laneOf(behindProxy, other)];

      assert.equal(a === b, same);
    });
  }
});
