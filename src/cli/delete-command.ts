import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import type { Run } from './run-command.ts';

export function addDeleteCommand(program: Command, run: Run): void {
  const command = program
    .command('delete')
    .summary('delete images')
    .description(
      'Deletes images, with their files, for good. One that waits or is being made is stopped first; one that is deleted already stays so.',
    )
    .argument('<id...>', 'of images')
    .addHelpText(
      'after',
      `
Examples:
  darkroom delete 0198c0ff-ee00-7000-8000-000000000001
  darkroom history --query draft --all --json | jq -r .id | xargs darkroom delete`,
    )
    .action((ids: string[]) =>
      run(command, async ({ client, call, json, terminal }) => {
        for (const id of ids) {
          await client.delete(id, call);
          await (json ? terminal.printJson({ id, deleted: true }) : terminal.print(`deleted ${id}`));
        }
        return EXIT.ok;
      }),
    );
}
