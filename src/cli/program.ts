import { Command } from 'commander';
import { addAdminCommands } from './admin-commands.ts';
import { addBatchCommand } from './batch-command.ts';
import { addBatchesCommand } from './batches-command.ts';
import { addCancelCommand } from './cancel-command.ts';
import { addDatasetsCommand } from './datasets-command.ts';
import { addDeleteCommand } from './delete-command.ts';
import { addDownloadCommand } from './download-command.ts';
import { addHistoryCommand } from './history-command.ts';
import { addKeysCommand } from './keys-command.ts';
import { addQueueCommand } from './queue-command.ts';
import { addRegenerateCommand } from './regenerate-command.ts';
import { addRetryCommand } from './retry-command.ts';
import type { Run } from './run-command.ts';
import { addStatusCommand } from './status-command.ts';
import { addSubmitCommand } from './submit-command.ts';
import { addUsageCommand } from './usage-command.ts';

const MORE = `
Environment:
  DARKROOM_URL       where the API is; http://127.0.0.1:8080 without it
  DARKROOM_API_KEY   a key (dk_…) that stands for its user
  DARKROOM_TOKEN     an access token, or an admin's; goes before the key
  NO_COLOR, FORCE_COLOR

Exit codes:
  0    done
  1    it failed
  2    the command line, a file or a field is wrong: nothing was accepted
  3    some images ended without a file
  4    not signed in, or not allowed
  5    the API cannot be reached, or has no room now
  130  stopped by Ctrl-C (143 by SIGTERM)
  141  whoever read the output has left

"darkroom <command> --help" has examples.`;

const COMMANDS = [
  addSubmitCommand,
  addBatchCommand,
  addStatusCommand,
  addDownloadCommand,
  addHistoryCommand,
  addBatchesCommand,
  addCancelCommand,
  addDeleteCommand,
  addRetryCommand,
  addRegenerateCommand,
  addDatasetsCommand,
  addUsageCommand,
  addKeysCommand,
  addQueueCommand,
  addAdminCommands,
];

/** All commands. `write` gets what commander says of its own, help and mistakes. */
export function createProgram(
  run: Run,
  version: string,
  write: { out: (text: string) => void; err: (text: string) => void },
): Command {
  const program = new Command('darkroom')
    .description('Turns prompts into stored images, by the API of a Darkroom.')
    .version(version)
    .option('--url <address>', 'where the API is, instead of DARKROOM_URL')
    .option('--json', 'for scripts: JSON on stdout and nothing else; of what is many, a line each')
    .option('--retry-for <seconds>', 'how long an API that does not answer is asked again', '60')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({ writeOut: write.out, writeErr: write.err })
    .showHelpAfterError('(add --help for examples)')
    .addHelpText('after', MORE);
  for (const add of COMMANDS) add(program, run);
  return program;
}
