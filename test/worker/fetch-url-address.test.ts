import assert from 'node:assert/strict';
import https from 'node:https';
import { after, afterEach, before, describe, it } from 'node:test';
import { isPublicAddress } from '../../src/shared/public-address.ts';
import { createFetchUrl, type FetchUrl } from '../../src/worker/fetch-url.ts';
import { createRequestPublic } from '../../src/worker/public-request.ts';
import type { ResolveHost } from '../../src/worker/resolve-host.ts';
import { type PictureServer, startPictureServer } from '../support/picture-server.ts';

/** What DNS says of each name; every further answer when it is asked again, the last one for good. */
const NAMES: Record<string, string[][]> = {
  'public.test': [['127.0.0.1']],
  'private.test': [['10.0.0.7']],
  'loopback.test': [['127.0.0.1']],
  'both.test': [['127.0.0.1', '10.0.0.7']],
  'metadata.test': [['169.254.169.254']],
  'rebinding.test': [['127.0.0.1'], ['10.0.0.7']],
  'expired.test': [['127.0.0.1']],
  'unknown.test': [[]],
};

let server: PictureServer;
let asked: string[] = [];
before(async () => {
  server = await startPictureServer([...Object.keys(NAMES), '127.0.0.1']);
});
afterEach(() => {
  asked = [];
  server.requests.length = 0;
});
after(() => server.close());

const resolve: ResolveHost = async (host) => {
  asked.push(host);
  const answers = NAMES[host] ?? [[]];
  const times = asked.filter((name) => name === host).length;
  return answers[Math.min(times, answers.length) - 1] ?? [];
};
/** The test's server is to pass for a public one; nothing else changes. */
const isPublicHere = (address: string) => address === '127.0.0.1' || isPublicAddress(address);

function fetchWith(isPublic?: (address: string) => boolean): FetchUrl {
  const request = createRequestPublic({ resolve, ca: server.ca, ...(isPublic && { isPublic }) });
  return createFetchUrl({ request, pauseMs: 1 });
}
const limits = () => ({ mostBytes: 1_000, withinMs: 20_000, signal: new AbortController().signal });
const fetchUrl: FetchUrl = (address, how) => fetchWith(isPublicHere)(address, how);

/** The guard as production has it: this server is at a private address. */
const fetchGuarded = (address: string) => fetchWith()(address, limits());
const NOT_PUBLIC = { name: 'UrlError', message: 'has no public address', temporary: false };

describe('an address that is not public', () => {
  const literals = ['127.0.0.1', '2130706433', '0x7f000001', '017700000001', '0177.0.0.1', '0x7f.1', '127.1']
    .concat(['127.0.0.1.', '127.000.000.001', '①②⑦.⓪.⓪.①', '%31%32%37.0.0.1', '0.0.0.0', '0'])
    .concat([
      '[::1]',
      '[::]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[::127.0.0.1]',
      '[0:0:0:0:0:ffff:7f00:0001]',
    ])
    .concat(['[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[fc00::1]', '[fd00:ec2::254]', '[fe80::1]'])
    .concat([
      '10.0.0.1',
      '172.16.0.1',
      '192.168.0.1',
      '100.64.0.1',
      '169.254.169.254',
      '168.63.129.16',
      '224.0.0.1',
    ]);
  for (const host of literals) {
    it(`is not connected to when the URL says ${host}`, async () => {
      const { made } = server.connections();

      await assert.rejects(fetchGuarded(server.url(host)), NOT_PUBLIC);

      assert.equal(server.connections().made, made);
      assert.deepEqual(asked, []);
    });
  }

  for (const host of [
    'loopback.test',
    'LOOPBACK.test',
    'private.test',
    'metadata.test',
    'unknown.test',
    'localhost',
  ]) {
    it(`is not connected to when ${host} has it, which is told as if there were no such name`, async () => {
      const { made } = server.connections();

      await assert.rejects(fetchGuarded(server.url(host)), NOT_PUBLIC);

      assert.equal(server.connections().made, made);
      assert.deepEqual(asked, [host.toLowerCase()]);
    });
  }

  it('takes along the public ones of the same name', async () => {
    const { made } = server.connections();

    await assert.rejects(fetchUrl(server.url('both.test'), limits()), NOT_PUBLIC);

    assert.equal(server.connections().made, made);
  });

  it('is the only obstacle: where it passes for public the same URLs are fetched', async () => {
    server.answer((_request, response) => void response.end('here'));
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', 'loopback.test']) {
      assert.equal((await fetchUrl(server.url(host), limits())).toString(), 'here');
    }
  });
});

describe('a name', () => {
  it('is asked for once a request, and the connection goes where it was judged', async () => {
    server.answer((_request, response) => void response.end('here'));

    const bytes = await fetchUrl(server.url('rebinding.test'), limits());

    assert.equal(bytes.toString(), 'here');
    assert.deepEqual(asked, ['rebinding.test']);
    assert.deepEqual(
      server.requests.map(({ host }) => host),
      [`rebinding.test:${server.port}`],
    );
  });

  it('that moves to a private address is refused at the next request', async () => {
    server.answer((_request, response) => void response.writeHead(500).end());

    await assert.rejects(fetchUrl(server.url('rebinding.test'), limits()), NOT_PUBLIC);

    assert.deepEqual(asked, ['rebinding.test', 'rebinding.test']);
    assert.equal(server.requests.length, 1);
  });

  it('has to be in the certificate', async () => {
    const other = await startPictureServer(['elsewhere.test']);
    const request = createRequestPublic({ resolve, isPublic: isPublicHere, ca: other.ca });

    await assert.rejects(createFetchUrl({ request })(other.url('public.test'), limits()), {
      message: 'cannot be read (ERR_TLS_CERT_ALTNAME_INVALID)',
      temporary: false,
    });

    assert.deepEqual(other.requests, []);
    await other.close();
  });

  it('with a certificate that is over, or of nobody known, is not read', async () => {
    const over = await startPictureServer(['expired.test'], { expired: true });
    const knowing = createRequestPublic({ resolve, isPublic: isPublicHere, ca: over.ca });
    const unknowing = createRequestPublic({ resolve, isPublic: isPublicHere });

    await assert.rejects(createFetchUrl({ request: knowing })(over.url('expired.test'), limits()), {
      message: 'cannot be read (CERT_HAS_EXPIRED)',
    });
    await assert.rejects(createFetchUrl({ request: unknowing })(server.url('public.test'), limits()), {
      message: /^cannot be read \((DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE)\)$/,
    });

    assert.deepEqual(over.requests, []);
    await over.close();
  });
});

describe('a redirect', () => {
  const targets: [what: string, target: () => string, message: string][] = [
    ['a private literal', () => server.url('10.0.0.7'), 'has no public address'],
    ['the metadata of a cloud', () => 'https://169.254.169.254/latest/meta-data/', 'has no public address'],
    ['a name with a private address', () => server.url('both.test'), 'has no public address'],
    ['localhost', () => server.url('localhost'), 'has no public address'],
    ['http', () => `http://public.test:${server.port}/`, 'leads to what is no plain https address'],
    ['a file', () => 'file:///etc/passwd', 'leads to what is no plain https address'],
    ['nonsense', () => 'https://[nonsense', 'leads to what is no plain https address'],
    [
      'credentials',
      () => `https://user:secret@public.test:${server.port}/`,
      'leads to what is no plain https address',
    ],
    ['itself', () => server.url('public.test'), 'leads through more than 3 redirects'],
  ];
  for (const [what, target, message] of targets) {
    it(`to ${what} is not followed`, async () => {
      server.answer((_request, response) => void response.writeHead(302, { location: target() }).end());
      const { made } = server.connections();

      await assert.rejects(fetchUrl(server.url('public.test'), limits()), { message, temporary: false });

      assert.equal(server.connections().made - made, what === 'itself' ? 4 : 1);
    });
  }

  it('is followed three times, relative or not, and takes nothing along', async () => {
    server.answer(({ path }, response) => {
      const step = Number(path.slice(1));
      if (step === 3) return void response.end('here');
      const next = step === 1 ? server.url('127.0.0.1', '/2') : `/${step + 1}`;
      response.writeHead([301, 307, 308][step] ?? 302, { location: next, 'set-cookie': 'a=b' }).end('gone');
    });

    const bytes = await fetchUrl(server.url('public.test', '/0'), limits());

    assert.equal(bytes.toString(), 'here');
    assert.deepEqual(
      server.requests.map(({ host, path }) => `${host}${path}`),
      [
        `public.test:${server.port}/0`,
        `public.test:${server.port}/1`,
        `127.0.0.1:${server.port}/2`,
        `127.0.0.1:${server.port}/3`,
      ],
    );
    for (const { headers } of server.requests) {
      assert.deepEqual(Object.keys(headers).sort(), [
        'accept',
        'accept-encoding',
        'connection',
        'host',
        'user-agent',
      ]);
      assert.equal(headers['accept-encoding'], 'identity');
    }
  });
});

it('a proxy of the environment and the connections of others are not used', async (t) => {
  const used = t.mock.method(https.Agent.prototype, 'createConnection');
  t.mock.property(https, 'globalAgent', new https.Agent({ keepAlive: true }));
  server.answer((_request, response) => void response.end('here'));

  await fetchUrl(server.url('public.test'), limits());

  assert.ok(!used.mock.calls.some((call) => call.this === https.globalAgent));
  assert.equal(server.requests[0]?.headers.connection, 'close');
});
