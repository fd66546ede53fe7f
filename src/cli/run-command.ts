import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { DarkroomError } from '../client/darkroom-error.ts';
import type { Action, Cli } from './cli.ts';
import { connect, readToken, readUrl } from './connection.ts';
import { type ExitCode, usageError } from './exit-codes.ts';
import { explainError } from './explain-error.ts';
import { Interrupted } from './interrupt.ts';
import type { Terminal } from './terminal.ts';

/** What the environment says; all of it may be missing. */
export type Settings = {
  url: string | undefined;
  token: string | undefined;
  apiKey: string | undefined;
};

type GlobalOptions = { url?: string; json?: true; retryFor: string };

/** Does what a command is for, with what its options and the environment say. */
export type Run = (command: Command, action: Action) => Promise<void>;

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** `finish` hears the exit code of the command; what went wrong was told then. */
export function createRun(
  world: { settings: Settings; terminal: Terminal; stdin: Readable; signal: AbortSignal },
  finish: (code: ExitCode) => void,
): Run {
  const { settings, terminal, signal } = world;
  return async (command, action) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    let url = options.url ?? settings.url ?? '';
    let hint = null as { text: string; isUnclear: boolean } | null;
    try {
      url = readUrl(url === '' ? DEFAULT_URL : url);
      const token = readToken(settings);
      const cli: Cli = {
        url,
        client: connect({ url, token, say: terminal.say }),
        json: options.json ?? false,
        terminal,
        stdin: world.stdin,
        signal,
        call: { signal, retryForMs: readRetryFor(options.retryFor) },
        resumeBy(text) {
          hint = { text, isUnclear: false };
        },
        mayBeFoundBy(text) {
          hint = { text, isUnclear: true };
        },
      };
      finish(await action(cli));
    } catch (error) {
      const code = tell(error);
      const isRefused = error instanceof DarkroomError && error.status < 500 && !signal.aborted;
      if (hint && !(hint.isUnclear && isRefused)) terminal.say(hint.text);
      finish(code);
    }

    function tell(error: unknown): ExitCode {
      const reason = signal.aborted ? signal.reason : error;
      if (reason instanceof Interrupted) {
        terminal.say('Stopped.');
        return reason.exitCode;
      }
      const { exitCode, lines } = explainError(error, url);
      for (const line of lines) terminal.say(line);
      return exitCode;
    }
  };
}

function readRetryFor(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0) return seconds * 1_000;
  throw usageError('--retry-for is a number of seconds.');
}
