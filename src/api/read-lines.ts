import { isUtf8 } from 'node:buffer';
import { ApiError } from './api-error.ts';

export type Line = { number: number; text: string };

/**
 * The lines of a body, numbered from 1, as they come and no faster than they are taken. Blank ones are passed over.
 *
 * @throws ApiError payload_too_large for a line of more bytes or for more lines, malformed_json for one that is no UTF-8
 */
export async function* readLines(
  body: AsyncIterable<Buffer>,
  { mostBytes, mostLines }: { mostBytes: number; mostLines: number },
): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  let taken = 0;

  const toLine = (bytes: Buffer): Line | null => {
    number += 1;
    if (bytes.length > mostBytes) throw tooLarge(`Line ${number} has more than ${mostBytes} bytes.`);
    if (!isUtf8(bytes)) throw new ApiError('malformed_json', `Line ${number} is not valid UTF-8.`);
    const text = bytes.toString('utf8').trim();
    if (text === '') return null;
    taken += 1;
    if (taken > mostLines) throw tooLarge(`There are more than ${mostLines} lines.`);
    return { number, text };
  };

  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const line = toLine(Buffer.concat([rest, chunk.subarray(from, end)]));
      rest = Buffer.alloc(0);
      from = end + 1;
      if (line) yield line;
    }
    rest = Buffer.concat([rest, chunk.subarray(from)]);
    if (rest.length > mostBytes) throw tooLarge(`Line ${number + 1} has more than ${mostBytes} bytes.`);
  }
  const last = rest.length > 0 ? toLine(rest) : null;
  if (last) yield last;
}

const tooLarge = (detail: string) => new ApiError('payload_too_large', detail);
