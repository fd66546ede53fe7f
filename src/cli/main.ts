/** `darkroom`: the command line. */
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { CliError, EXIT } from './exit-codes.ts';
import { listenForStop } from './interrupt.ts';
import { createProgram } from './program.ts';
import { createRun } from './run-command.ts';
import { createTerminal } from './terminal.ts';

const { env, stdin, stdout, stderr } = process;

// Whoever reads stdout may have seen enough (`| head -1`); without stderr there is nobody to tell anything.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.outputGone);
    throw error;
  });
}
const terminal = createTerminal({
  stdout,
  stderr,
  noColor: env.NO_COLOR,
  forceColor: env.FORCE_COLOR,
  term: env.TERM,
});
const stop = listenForStop(process, (code) => process.exit(code));
const run = createRun(
  {
    settings: { url: env.DARKROOM_URL, token: env.DARKROOM_TOKEN, apiKey: env.DARKROOM_API_KEY },
    terminal,
    stdin,
    signal: stop.signal,
  },
  (code) => {
    process.exitCode = code;
  },
);
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const program = createProgram(run, version, {
  out: (text) => stdout.write(text),
  err: (text) =>
    text
      .split('\n')
      .slice(0, text.endsWith('\n') ? -1 : undefined)
      .forEach(terminal.say),
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CliError) {
    terminal.say(error.message);
    process.exitCode = error.exitCode;
  } else if (error instanceof CommanderError) {
    // Help that was asked for is no mistake; commander has said what is.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else throw error;
}
// A stdin that nobody has read to its end would keep the process.
stdin.destroy();
