import type { Readable } from 'node:stream';
import type { DarkroomClient } from '../client/client.ts';
import type { CallOptions } from '../client/http.ts';
import type { Terminal } from './terminal.ts';

/** What a command works with. */
export type Cli = {
  client: DarkroomClient;
  /** Of the API. */
  url: string;
  /** For scripts: JSON on stdout and nothing else. */
  json: boolean;
  terminal: Terminal;
  stdin: Readable;
  signal: AbortSignal;
  /** For each call: it ends with the command, and is repeated for as long as was asked for. */
  call: CallOptions & { signal: AbortSignal };
  /** What a person is told who stops the command from now on, or whom it fails: what was accepted goes on. */
  resumeBy(hint: string): void;
  /** The same while it is not known whether anything was accepted; not told of a refusal, by which nothing was. */
  mayBeFoundBy(hint: string): void;
};

/** Does a command and answers its exit code. */
export type Action = (cli: Cli) => Promise<number>;
