import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createBase64Decoder, MOST_AT_ONCE } from '../../src/worker/base64-decoder.ts';

function decodeInParts(text: string, sizes: number[]): Buffer {
  const decoder = createBase64Decoder();
  const bytes = Buffer.from(text, 'latin1');
  const decoded: Buffer[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1;
    decoded.push(Buffer.from(decoder.decode(bytes.subarray(at, at + size))));
    at += size;
  }
  return Buffer.concat([...decoded, decoder.end()]);
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

describe('base64 that comes in parts', () => {
  it('is decoded as Node decodes the whole, in each of its alphabets', () => {
    const encoding = fc.constantFrom<BufferEncoding>('base64', 'base64url');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), encoding, sizes, (bytes, alphabet, cuts) => {
        const text = Buffer.from(bytes).toString(alphabet);
        assert.deepEqual(decodeInParts(text, cuts), Buffer.from(bytes));
      }),
    );
  });

  it('is decoded with each character escaped, wherever the cut is', () => {
    const choice = fc.func(fc.boolean());
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), choice, sizes, (bytes, isEscaped, cuts) => {
        const text = Buffer.from(bytes).toString('base64');
        const codeOf = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
        const inJson = text
          .replace(/./g, (char, at) => (isEscaped(at) ? codeOf(char) : char))
          .replaceAll('/', '\\/');
        assert.deepEqual(decodeInParts(inJson, cuts), Buffer.from(bytes));
      }),
    );
  });

  it('may have other characters between its own', () => {
    const between = fc.constantFrom('', ' ', '\\r\\n', '\\u000a', '\\u2028', '\u00ff', '\\"');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.array(between, { minLength: 1 }), (bytes, others) => {
        const text = Buffer.from(bytes).toString('base64');
        const mixed = text.replace(/./g, (char, at) => `${char}${others[at % others.length]}`);
        const expected = Buffer.from(String(JSON.parse(`"${mixed}"`)), 'base64');
        assert.deepEqual(decodeInParts(mixed, [7]), expected);
      }),
    );
  });

  it('may come in the largest part there is', () => {
    const bytes = Buffer.alloc((MOST_AT_ONCE / 4) * 3, 'Darkroom');
    const decoder = createBase64Decoder();
    decoder.decode(Buffer.from('AAA'));

    const decoded = Buffer.from(decoder.decode(Buffer.from(`A${bytes.toString('base64').slice(0, -1)}`)));

    assert.equal(decoded.length, bytes.length);
    assert.deepEqual(decoded.subarray(3), bytes.subarray(0, -3));
  });
});
