import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { GenerationError } from '../../src/worker/generation-error.ts';
import { type ImageFiles, openImageFiles } from '../../src/worker/image-files.ts';

let files: ImageFiles;
before(async () => {
  files = await openImageFiles();
});
after(() => files.close());

/** The text in pieces of these sizes, over and over. */
async function* inPieces(text: string, sizes: number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const base64 = fc.integer({ min: 60_000, max: 120_000 }).map((size) => randomBytes(size).toString('base64'));
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.constantFrom('"', '\\', '\\"', '\\\\', '\u2028', null, true),
    base64,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('any'), { maxKeys: 4 }),
  ),
})).any;

describe('the large images of an answer', () => {
  it('go to files byte by byte, and everything else stays as it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(value, base64, value),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(undefined, 2),
        fc.boolean(),
        async (given, sizes, indent, escapes) => {
          const plain = JSON.stringify(given, null, indent);
          const json = escapes ? plain.replaceAll('/', '\\/').replaceAll('=', '\\u003d') : plain;
          const answer = files.open();

          const sieved = JSON.parse(await answer.takeImages(inPieces(json, sizes))) as unknown[];

          assert.ok(answer.find(String(sieved[1])), 'the image is in a file');
          const restored = JSON.parse(JSON.stringify(sieved), (_key, one: unknown) => {
            const image = typeof one === 'string' ? answer.find(one) : null;
            if (!image) return one;
            const bytes = readFileSync(image.content);
            assert.equal(image.bytes, bytes.length);
            assert.equal(image.sha256, createHash('sha256').update(bytes).digest('hex'));
            assert.deepEqual(image.head, bytes.subarray(0, 12));
            return bytes.toString('base64');
          }) as unknown;
          await answer.remove();
          assert.deepEqual(restored, JSON.parse(plain));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('leave the rest of an answer small', async () => {
    const json = JSON.stringify({ data: 'A'.repeat(4_000_000), text: 'A lighthouse' });
    const answer = files.open();

    const sieved = await answer.takeImages(inPieces(json, [65_536]));

    await answer.remove();
    assert.ok(sieved.length < 100, sieved);
  });

  it('cannot be named by the answer itself', async () => {
    const answer = files.open();
    const sieved = await answer.takeImages(inPieces(JSON.stringify({ data: 'A'.repeat(100_000) }), [999]));
    const { data } = JSON.parse(sieved) as { data: string };
    const path = String(answer.find(data)?.content);

    assert.equal(answer.find(path), null);
    assert.equal(answer.find('/etc/passwd'), null);
    assert.equal(files.open().find(data), null);
    await answer.remove();
  });

  it('are gone when the answer breaks off, and it is no JSON then', async () => {
    const answer = files.open();
    const cut = JSON.stringify({ data: 'A'.repeat(300_000) }).slice(0, 200_000);

    const sieved = await answer.takeImages(inPieces(cut, [4_096]));

    assert.throws(() => JSON.parse(sieved), SyntaxError);
    await answer.remove();
    assert.deepEqual(leftFiles(), []);
  });

  it('that find the disk full end a paid attempt, which may be made again', async () => {
    const answer = files.open();
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const body = (async function* () {
      yield Buffer.from('{"data":"');
      throw full;
    })();

    await assert.rejects(answer.takeImages(body), (error: GenerationError) => {
      assert.deepEqual([error.errorClass, error.billed], ['retryable', true]);
      return error instanceof GenerationError;
    });
  });
});

describe('the folder for them', () => {
  it('has room, or no call is made', async () => {
    await files.checkRoom();
    const small = await openImageFiles({ leastRoomBytes: Number.MAX_SAFE_INTEGER });

    await assert.rejects(small.checkRoom(), (error: GenerationError) => {
      assert.deepEqual([error.errorClass, error.billed], ['wait', false]);
      return error instanceof GenerationError;
    });
    await small.close();
  });

  it('of a process that was killed goes when the next one starts', async () => {
    const [own = ''] = folders();
    const dead = own.replace(`-${process.pid}-`, '-4194304-');
    await mkdir(join(tmpdir(), dead), { recursive: true });

    await (await openImageFiles()).close();

    assert.ok(!readdirSync(tmpdir()).includes(dead));
    assert.ok(readdirSync(tmpdir()).includes(own));
  });
});

/** The folders of this process, by name. */
const folders = () =>
  readdirSync(tmpdir()).filter(
    (name) => name.startsWith('darkroom-image-') && name.includes(`-${process.pid}-`),
  );
const leftFiles = () => folders().flatMap((folder) => readdirSync(join(tmpdir(), folder)));
