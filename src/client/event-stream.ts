/** One block of text/event-stream, as far as it has these; data of several lines are one text. */
export type Block = { event: string; data: string | null; id: string | null; retryMs: number | null };

const LINE_END = /\r\n|\n|\r/;

/**
 * Reads text/event-stream as the HTML standard says (9.2.6), but for this: blocks without data come as well, since an id
 * or a retry alone is worth having. What comes after the last blank line of a stream that broke off is dropped.
 *
 * @throws Error when nothing at all has come for `silenceMs`: such a connection is dead, and nobody else tells
 */
export async function* readBlocks(
  stream: ReadableStream<Uint8Array>,
  silenceMs: number,
): AsyncGenerator<Block> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let endsWithCr = false;
  let lines: string[] = [];
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read(), silenceMs);
      if (done) return;
      const text = decoder.decode(value, { stream: true });
      // Of a CRLF that was cut in two the CR has ended the line already.
      const pieces = (rest + (endsWithCr ? text.replace(/^\n/, '') : text)).split(LINE_END);
      if (text !== '') endsWithCr = text.endsWith('\r');
      rest = pieces.pop() ?? '';
      for (const line of pieces) {
        if (line !== '') lines.push(line);
        else {
          yield toBlock(lines);
          lines = [];
        }
      }
    }
  } finally {
    // Whoever stops reading hangs up; a stream that broke has nothing to cancel.
    await reader.cancel().catch(() => undefined);
  }
}

function toBlock(lines: string[]): Block {
  const block: Block = { event: 'message', data: null, id: null, retryMs: null };
  for (const line of lines) {
    const [, name, value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === 'event') block.event = value;
    if (name === 'data') block.data = block.data === null ? value : `${block.data}\n${value}`;
    if (name === 'id' && !value.includes('\0')) block.id = value;
    if (name === 'retry' && /^\d+$/.test(value)) block.retryMs = Number(value);
  }
  return block;
}

async function withinSilence<T>(read: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silent = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Nothing has come for ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([read, silent]);
  } finally {
    clearTimeout(timer);
  }
}
