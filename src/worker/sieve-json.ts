/** What takes the inside of a long JSON string, as it comes, and answers at its end what stands for it. */
export type LongString = {
  write(part: Buffer): Promise<void>;
  end(): Promise<string>;
};

/** Strings of up to so many bytes stay where they are. */
const LONGEST_KEPT = 64 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Reads JSON and takes out of it what is large: each string of more than 64 KB goes to a LongString, escapes and all, and
 * in its place stands what that answers. So an answer of many megabytes is never in memory as a whole. Whether the rest
 * is JSON is for its parser to find out.
 */
export async function sieveJson(
  body: AsyncIterable<Uint8Array>,
  openLongString: () => Promise<LongString>,
): Promise<string> {
  const kept: Buffer[] = [];
  let isInside = false;
  let isEscaped = false;
  /** The string so far, while it may still be a short one. */
  let short: Buffer[] = [];
  let shortBytes = 0;
  let long: LongString | null = null;

  const take = async (part: Buffer): Promise<void> => {
    if (part.length === 0) return;
    if (long) return long.write(part);
    short.push(part);
    shortBytes += part.length;
    if (shortBytes <= LONGEST_KEPT) return;
    long = await openLongString();
    for (const one of short) await long.write(one);
    short = [];
  };

  const close = async (): Promise<void> => {
    kept.push(...(long ? [Buffer.from(await long.end())] : short));
    isInside = false;
    short = [];
    shortBytes = 0;
    long = null;
  };

  for await (const bytes of body) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < chunk.length; ) {
      if (!isInside) {
        const quote = chunk.indexOf(QUOTE, at);
        const end = quote === -1 ? chunk.length : quote + 1;
        kept.push(chunk.subarray(at, end));
        isInside = quote !== -1;
        at = end;
        continue;
      }
      const found = findQuote(chunk, at, isEscaped);
      isEscaped = found.isEscaped;
      await take(chunk.subarray(at, found.at));
      at = found.at;
      if (at < chunk.length) {
        await close();
        kept.push(chunk.subarray(at, at + 1));
        at += 1;
      }
    }
  }
  // Cut off in the middle: its parser will say so.
  if (isInside && !long) kept.push(...short);
  return Buffer.concat(kept).toString('utf8');
}

/** Where the string ends, or the chunk when it does not; and whether the first byte of the next one is escaped. */
function findQuote(chunk: Buffer, from: number, startsEscaped: boolean): { at: number; isEscaped: boolean } {
  let at = startsEscaped ? from + 1 : from;
  let quote = chunk.indexOf(QUOTE, at);
  for (;;) {
    const end = quote === -1 ? chunk.length : quote;
    const backslash = chunk.subarray(at, end).indexOf(BACKSLASH);
    if (backslash === -1) return { at: end, isEscaped: false };
    at += backslash + 2;
    if (at > chunk.length) return { at: chunk.length, isEscaped: true };
    if (quote !== -1 && at > quote) quote = chunk.indexOf(QUOTE, at);
  }
}
