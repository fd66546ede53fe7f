import fc from 'fast-check';

/** A body and the Content-Type that is told of it, which need not go together. */
export type DrawnForm = { contentType: string; body: Buffer };

const BOUNDARY = 'x7';
const NAMES = [
  'images',
  'logo',
  'image',
  '',
  '__proto__',
  'images[]',
  'i'.repeat(2_000),
  '\u{1f5bc}',
  'a"; b',
];
const HEADS = [
  '',
  'x: y',
  'Content-Type: image/png',
  'Content-Disposition: attachment; name="images"; filename="a.png"',
  'Content-Disposition: form-data',
  'Content-Disposition: form-data; name=images; filename=a.png',
  'Content-Disposition: form-data; name="images"; filename="',
  `Content-Disposition: form-data; name="images"; filename*=UTF-8''%zz`,
  `Content-Disposition: form-data; name="images"; filename="${'../'.repeat(50)}etc/passwd"`,
  'Content-Disposition: form-data; name="images"; filename="a.png"\r\nContent-Transfer-Encoding: base64',
  'Content-Disposition: form-data; name="images"; filename="a.png"\r\nContent-Type: text/plain; charset=nonsense',
  `Content-Disposition: form-data; name="images"; filename="a.png"\r\n${'x: y\r\n'.repeat(100)}`,
];

/** Forms of pictures and of all else, whole and damaged, under the right Content-Type and under others. */
export function drawForm(field: string, picture: Buffer): fc.Arbitrary<DrawnForm> {
  const content = fc.oneof(
    { weight: 4, arbitrary: fc.constant(picture) },
    fc.nat({ max: picture.length }).map((length) => picture.subarray(0, length)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.concat([picture, bytes])),
    fc
      .constantFrom('', 'a text', '<svg xmlns="http://www.w3.org/2000/svg"/>', '\r\n', '--', `--${BOUNDARY}`)
      .map((text) => Buffer.from(text)),
  );
  const head = fc.oneof(
    { weight: 6, arbitrary: fc.constant(fileHead(field)) },
    fc.constantFrom(...NAMES).map(fileHead),
    fc.constantFrom(field, ...NAMES).map((name) => `Content-Disposition: form-data; name="${name}"`),
    fc.constantFrom(...HEADS),
    fc.string({ unit: 'binary', maxLength: 60 }),
  );
  const part = fc.tuple(head, content).map(([text, bytes]) => toPart(text, bytes));
  const parts = fc.oneof(
    { weight: 8, arbitrary: fc.array(part, { maxLength: 3 }) },
    fc.integer({ min: 2, max: 40 }).map((count) => Array(count).fill(toPart(fileHead(field), picture))),
  );
  const body = fc.tuple(parts, damage).map(([some, spoil]) => spoil(Buffer.concat([...some, END])));
  return fc.record({ contentType, body });
}

const fileHead = (name: string) => `Content-Disposition: form-data; name="${name}"; filename="a.png"`;
const toPart = (head: string, content: Buffer) =>
  Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n${head}\r\n\r\n`), content, Buffer.from('\r\n')]);
const END = Buffer.from(`--${BOUNDARY}--\r\n`);

const contentType = fc.oneof(
  { weight: 12, arbitrary: fc.constant(`multipart/form-data; boundary=${BOUNDARY}`) },
  fc.constantFrom(
    `multipart/form-data; boundary="${BOUNDARY}"`,
    `Multipart/Form-Data ;charset=utf-7; boundary=${BOUNDARY}`,
    `multipart/form-data; boundary=${BOUNDARY}; boundary=other`,
    'multipart/form-data; boundary=other',
    `multipart/form-data; boundary=${'b'.repeat(300)}`,
    'multipart/form-data; boundary=""',
    'multipart/form-data; boundary=',
    'multipart/form-data',
    `multipart/mixed; boundary=${BOUNDARY}`,
    'application/json',
    'image/png',
    ';',
  ),
  fc
    .string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 20,
    })
    .map((text) => `multipart/form-data; ${text}`),
);

type Damage = (body: Buffer) => Buffer;
const whole: Damage = (body) => body;
const at = (body: Buffer, share: number) => Math.floor(body.length * share);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(whole) },
  share.map(
    (one): Damage =>
      (body) =>
        body.subarray(0, at(body, one)),
  ),
  share.map(
    (one): Damage =>
      (body) =>
        body.subarray(at(body, one)),
  ),
  fc.tuple(share, fc.nat({ max: 255 })).map(
    ([one, byte]): Damage =>
      (body) => {
        const changed = Buffer.from(body);
        if (changed.length > 0) changed[Math.min(at(body, one), changed.length - 1)] = byte;
        return changed;
      },
  ),
  fc.constantFrom<Damage[]>(
    (body) => body.subarray(0, body.length - END.length),
    (body) => Buffer.concat([body, body]),
    (body) => Buffer.concat([Buffer.from('before it\r\n'), body]),
    (body) => Buffer.from(body.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
  ),
);
