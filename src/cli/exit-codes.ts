/** What a script can tell by `$?`. The README has the same table. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** The command line, a file or a field is wrong: the same again is wrong again. */
  usage: 2,
  /** Everything was done, but some images have ended without a file, or theirs could not be had. */
  someFailed: 3,
  unauthorized: 4,
  /** The API could not be reached, or had no room, for as long as was waited. */
  unreachable: 5,
  interrupted: 130,
  /** Who read the output has left: as a signal SIGPIPE would end it. */
  outputGone: 141,
} as const;
export type ExitCode = number;

/** An end with one sentence for a person and a code for scripts. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, sentence: string, options: { cause?: unknown } = {}) {
    super(sentence, options);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

export const usageError = (sentence: string, options?: { cause?: unknown }) =>
  new CliError(EXIT.usage, sentence, options);
