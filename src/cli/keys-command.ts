import type { Command } from 'commander';
import type { ApiKeyRecord } from '../client/api-keys.ts';
import { EXIT } from './exit-codes.ts';
import { printList } from './print-list.ts';
import type { Run } from './run-command.ts';

export function addKeysCommand(program: Command, run: Run): void {
  const keys = program
    .command('keys')
    .summary('list, make and delete API keys')
    .description('API keys, by which scripts sign in as their user.')
    .addHelpText(
      'after',
      `
Examples:
  darkroom keys list
  export DARKROOM_API_KEY=$(darkroom keys create nightly)
  darkroom keys delete 0198c0ff-ee00-7000-8000-000000000001`,
    );

  const list = keys
    .command('list')
    .description('Lists them; with --json a line each.')
    .option('--user <id>', 'of this user, for admins')
    .action(({ user }: { user?: string }) =>
      run(list, async (cli) => {
        const found = await cli.client.apiKeys.list({ user_id: user }, cli.call);
        await printList<ApiKeyRecord>(cli, found, {
          noun: 'keys',
          columns: [
            { title: 'KEY', value: ({ id }) => id },
            { title: 'ENDS IN', value: ({ hint }) => hint },
            {
              title: 'LAST USED (UTC)',
              value: ({ last_used_at }) => last_used_at?.slice(0, 16).replace('T', ' '),
            },
            { title: 'NAME', value: ({ name }) => name, flexible: true },
          ],
        });
        return EXIT.ok;
      }),
    );

  const create = keys
    .command('create')
    .description('Makes one, and writes it to stdout: nobody can show it again.')
    .argument('<name>', 'for you to tell your keys apart')
    .option('--user <id>', 'whom it stands for, by an admin')
    .action((name: string, { user }: { user?: string }) =>
      run(create, async (cli) => {
        const key = await cli.client.apiKeys.create({ name, ...(user && { user_id: user }) }, cli.call);
        if (cli.json) await cli.terminal.printJson(key);
        else {
          await cli.terminal.print(key.secret);
          cli.terminal.say(
            `That is the key ${key.id}, and it is shown this once. Keep it as DARKROOM_API_KEY.`,
          );
        }
        return EXIT.ok;
      }),
    );

  const remove = keys
    .command('delete')
    .description('Revokes one; it works for at most five seconds more.')
    .argument('<id>')
    .action((id: string) =>
      run(remove, async (cli) => {
        await cli.client.apiKeys.delete(id, cli.call);
        if (!cli.json) cli.terminal.say(`The key ${id} is no more.`);
        return EXIT.ok;
      }),
    );
}
