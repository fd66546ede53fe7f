import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { plainPicture } from '../support/gemini-answers.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Answer, type ApiClient, assertProblem, createApiClient, type Json } from './api-client.ts';
import {
  codesOf,
  createDatasetClient,
  type DatasetClient,
  type FormPart,
  images,
  uploadFolders,
} from './dataset-client.ts';

const MOST_BYTES = 10 * 1024 * 1024;

let stack: TestStack;
let ownerId: string;
let api: ApiClient;
let datasets: DatasetClient;
let dataset: Json;
let png: Buffer;
let jpeg: Buffer;
before(async () => {
  stack = await startTestStack();
  const user = await stack.createUser();
  ownerId = user.id;
  api = createApiClient((await stack.startApi()).url, user.token);
  datasets = createDatasetClient(api);
  [png, jpeg] = await Promise.all([plainPicture(64, 64), plainPicture(64, 64, 'jpeg')]);
  dataset = (await datasets.upload((await datasets.add()).id, images(png))).body;
});
after(() => stack.stop());

/** Whatever was refused, the dataset is as it was, and nothing of the request is left anywhere. */
afterEach(async () => {
  assert.deepEqual((await datasets.read(dataset.id)).body, dataset);
  const { data } = await stack.supabase.storage.from('dataset-images').list(`${ownerId}/${dataset.id}`);
  assert.equal(data?.length, 1);
  assert.deepEqual(await uploadFolders(), []);
});

const upload = (parts: FormPart[]) => datasets.upload(dataset.id, parts);
const sendRaw = (body: RequestInit['body'], contentType: string, headers: Record<string, string> = {}) =>
  api.send('POST', dataset.links.images, {
    body: body ?? null,
    headers: { 'content-type': contentType, ...headers },
  });

function assertRefused(answer: Answer, codes: Record<string, string>): void {
  assertProblem(answer, 422, 'validation_failed');
  assert.deepEqual(codesOf(answer), codes);
}

/** `bytes` long, of noise behind a picture: fit in all but its size. */
const padded = (bytes: number) => Buffer.concat([png, Buffer.alloc(bytes - png.length, 'x')]);

/** The head of a PNG of this size; without its pixels. */
function pngHeader(width: number, height: number): Buffer {
  const header = Buffer.from(png.subarray(0, 33));
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  header.writeUInt32BE(crc32(header.subarray(12, 29)), 29);
  return Buffer.concat([header, png.subarray(33)]);
}

/** As the PNG standard has it, bit by bit. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe('a file is refused', () => {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';
  const html = '<!doctype html><script>alert(1)</script>';
  const zipEnd = Buffer.from(`PK\x05\x06${'\0'.repeat(18)}`, 'latin1');

  for (const [what, make] of [
    ['empty', () => Buffer.alloc(0)],
    ['a text', () => Buffer.from('no picture at all')],
    ['a page that calls itself a PNG', () => Buffer.from(html)],
    ['an SVG', () => Buffer.from(svg)],
    ['an SVG behind an XML declaration', () => Buffer.from(`<?xml version="1.0"?>${svg}`)],
    ['the first bytes of a PNG before a page', () => Buffer.concat([png.subarray(0, 8), Buffer.from(html)])],
    ['a page before a picture', () => Buffer.concat([Buffer.from(html), png])],
    ['a picture with a page behind it', () => Buffer.concat([jpeg, Buffer.from(html)])],
    ['a picture with an SVG behind it', () => Buffer.concat([png, Buffer.from(svg)])],
    ['a picture with an archive behind it', () => Buffer.concat([jpeg, zipEnd])],
    [
      'a picture that is a PDF, too',
      () => Buffer.concat([jpeg.subarray(0, 20), Buffer.from('%PDF-1.7'), jpeg]),
    ],
    ['a PNG that ends in the middle', () => png.subarray(0, png.length / 2)],
    ['a JPEG that ends in the middle', () => jpeg.subarray(0, jpeg.length / 2)],
    ['a GIF', () => sharp(png).gif().toBuffer()],
    ['a TIFF', () => sharp(png).tiff().toBuffer()],
    ['an AVIF', () => sharp(png).avif().toBuffer()],
    ['a head without a picture', () => jpeg.subarray(0, 4)],
  ] as const) {
    it(`that is ${what}`, async () => {
      assertRefused(await upload(images(await make())), { '/images/0': 'unreadable_image' });
    });
  }

  it('that is animated', async () => {
    const frame = { width: 8, height: 8, channels: 3, background: '#ff0000' } as const;
    const frames = [sharp({ create: frame }), sharp({ create: { ...frame, background: '#0000ff' } })];
    const pages = await Promise.all(frames.map((one) => one.png().toBuffer()));
    const animated = await sharp(pages, { join: { animated: true } })
      .webp()
      .toBuffer();

    assertRefused(await upload(images(animated)), { '/images/0': 'unreadable_image' });
  });

  for (const [width, height] of [
    [8_193, 8],
    [8_000, 8_000],
    [2_000_000_000, 2_000_000_000],
  ] as const) {
    it(`that says to be ${width}x${height}, before it is decoded`, async () => {
      const answer = await upload(images(pngHeader(width, height)));

      assertProblem(answer, 422, 'validation_failed');
      assert.match(String(codesOf(answer)['/images/0']), /^(too_big|unreadable_image)$/);
    });
  }

  it('with each that is not fit, and none of the others is added', async () => {
    const answer = await upload(images(png, Buffer.from(svg), jpeg, Buffer.alloc(0)));

    assertRefused(answer, { '/images/1': 'unreadable_image', '/images/3': 'unreadable_image' });
  });

  it('that has a byte more than 10 MB', async () => {
    const answer = await upload(images(png, padded(MOST_BYTES + 1)));

    assertProblem(answer, 413, 'payload_too_large');
    assert.deepEqual(codesOf(answer), { '/images/1': 'too_big' });
  });
});

describe('a form is refused', () => {
  it('without files', async () => {
    assertRefused(await sendRaw('--x--\r\n', 'multipart/form-data; boundary=x'), { '/images': 'required' });
  });

  it('with fifteen files', async () => {
    assertRefused(await upload(images(...Array.from({ length: 15 }, () => png))), {
      '/images/14': 'too_many',
    });
  });

  it('with files or texts in fields that there are not', async () => {
    const file = images(png);
    assertRefused(await upload([...file, { name: 'image', content: png, filename: 'a.png' }]), {
      '/image': 'unknown_field',
    });
    assertRefused(await upload([...file, { name: 'a/b~', content: 'A bar' }]), {
      '/a~1b~0': 'unknown_field',
    });
    assertRefused(await upload([{ name: 'caption', content: 'A bar' }, ...file]), {
      '/caption': 'unknown_field',
    });
    assertRefused(await upload([...file, { content: 'https://example.com/a.png' }]), {
      '/images/1': 'invalid_type',
    });
  });

  it('that is none', async () => {
    for (const type of [
      'application/json',
      'image/png',
      'multipart/mixed; boundary=x',
      'multipart/form-datax; boundary=x',
    ]) {
      assertProblem(await sendRaw(new Uint8Array(png), type), 415, 'unsupported_media_type');
    }
    assertProblem(await api.send('POST', dataset.links.images), 415, 'unsupported_media_type');
    const zipped = await sendRaw('x', 'multipart/form-data; boundary=x', { 'content-encoding': 'gzip' });
    assertProblem(zipped, 415, 'unsupported_media_type');
  });

  it('that does not hold together', async () => {
    const head = '--x\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n';
    for (const [body, type] of [
      [head, 'multipart/form-data'],
      ['', 'multipart/form-data; boundary=x'],
      ['no form at all', 'multipart/form-data; boundary=x'],
      ['--x', 'multipart/form-data; boundary=x'],
      ['--x\r\nContent-Dispo', 'multipart/form-data; boundary=x'],
      [head, 'multipart/form-data; boundary=x'],
      [`${head}half a pict`, 'multipart/form-data; boundary=x'],
      [`${head}${png.toString('latin1')}\r\n--y--\r\n`, 'multipart/form-data; boundary=x'],
      ['--x\r\nContent-Disposition: form-data\r\n\r\na text\r\n', 'multipart/form-data; boundary=x'],
    ] as const) {
      assertProblem(await sendRaw(body, type), 400, 'malformed_multipart');
    }
  });

  it('whose parts have no name, or say what they are in no known way', async () => {
    const part = (head: string) => `--x\r\n${head}\r\n\r\nA\r\n--x--\r\n`;
    for (const head of [
      'Content-Type: image/png',
      'Content-Disposition: attachment; name="images"',
      'x: y',
    ]) {
      const answer = await sendRaw(part(head), 'multipart/form-data; boundary=x');
      assertRefused(answer, { '/images': 'required' });
    }
    const nameless = await sendRaw(
      part('Content-Disposition: form-data; filename="a.png"'),
      'multipart/form-data; boundary=x',
    );
    assertRefused(nameless, { '/': 'unknown_field' });
  });
});

it('a file of exactly 10 MB may come, and is judged by what it is', async () => {
  const answer = await upload(images(Buffer.alloc(MOST_BYTES, 'x')));

  assertRefused(answer, { '/images/0': 'unreadable_image' });
});

it('a file that begins an SVG again and again takes no longer to look through than another', async () => {
  const secondsOf = async (text: string): Promise<number> => {
    const file = Buffer.concat([jpeg.subarray(0, 4), Buffer.alloc(MOST_BYTES - 4, text)]);
    const before = process.cpuUsage();
    assertRefused(await upload(images(file)), { '/images/0': 'unreadable_image' });
    // Of the processor, not of the clock: the API runs in this process, and others are at work on the machine.
    return process.cpuUsage(before).user / 1_000_000;
  };
  const plain = await secondsOf('text ');

  const repeated = await secondsOf('<svg ');

  assert.ok(repeated < plain + 1.5, `${repeated} s, and ${plain} s for another`);
});
