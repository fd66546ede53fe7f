import { constants, openAsBlob } from 'node:fs';
import { access } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { DatasetPatch, DatasetRecord } from '../client/datasets.ts';
import { EXIT, usageError } from './exit-codes.ts';
import { toInputError } from './file-error.ts';
import { collect } from './image-fields.ts';
import { printList } from './print-list.ts';
import type { Run } from './run-command.ts';
import { printDataset } from './show-dataset.ts';

type Fields = { name?: string; brand?: string; vibe?: string; element?: string[] };
type Pictures = { image?: string[]; logo?: string };

export function addDatasetsCommand(program: Command, run: Run): void {
  const datasets = program
    .command('datasets')
    .summary('list, make and change datasets')
    .description(
      'Datasets: the brand, vibe, visual elements and reference images that prompts have in common.',
    )
    .addHelpText(
      'after',
      `
Examples:
  darkroom datasets create --name Coffee --brand "Coffee Co." --vibe cozy --element "copper lamps" --element oak
  darkroom datasets add-images $dataset lamp.jpg cup.png
  darkroom datasets update $dataset --vibe bright --logo cup.png
  darkroom submit "A coffee shop" --dataset $dataset`,
    );

  const list = datasets
    .command('list')
    .description('Lists yours and those that all may use; with --json a line each.')
    .action(() =>
      run(list, async (cli) => {
        await printList<DatasetRecord>(cli, cli.client.datasets.list(cli.call), {
          noun: 'datasets',
          columns: [
            { title: 'DATASET', value: ({ id }) => id },
            { title: 'IMAGES', value: ({ images }) => images.length, align: 'right' },
            { title: 'SHARED', value: ({ shared }) => (shared ? 'yes' : '') },
            { title: 'NAME', value: ({ name }) => name, flexible: true },
            { title: 'BRAND', value: ({ brand }) => brand, flexible: true },
          ],
        });
        return EXIT.ok;
      }),
    );

  const show = datasets
    .command('show')
    .description('Shows one, with the addresses of its images.')
    .argument('<id>')
    .action((id: string) =>
      run(show, async (cli) => {
        await printDataset(cli, await cli.client.datasets.get(id, cli.call));
        return EXIT.ok;
      }),
    );

  const create = addFieldOptions(datasets.command('create').description('Makes one, which is yours.'));
  create
    .option('--owner <id>', 'whose it is, by an admin; an admin’s without it may be used by all')
    .action(({ owner, ...options }: Fields & { owner?: string }) =>
      run(create, async (cli) => {
        const fields = { ...readFields(options), ...(owner !== undefined && { owner_id: owner }) };
        await printDataset(cli, await cli.client.datasets.create(fields, cli.call));
        return EXIT.ok;
      }),
    );

  const update = addFieldOptions(
    datasets.command('update').description('Changes what is named; "" empties it.').argument('<id>'),
  );
  update
    .option('--logo <file>', 'its logo; "" takes it away')
    .action((id: string, { logo, ...options }: Fields & Pictures) =>
      run(update, async (cli) => {
        const patch = readFields(options);
        if (Object.keys(patch).length === 0 && logo === undefined) {
          throw usageError('Say what is to be changed: --name, --brand, --vibe, --element or --logo.');
        }
        const file = logo ? await openPicture(logo) : null;
        if (Object.keys(patch).length > 0) await cli.client.datasets.update(id, patch, cli.call);
        if (file) await cli.client.datasets.setLogo(id, file, cli.call);
        else if (logo === '') await cli.client.datasets.removeLogo(id, cli.call);
        await printDataset(cli, await cli.client.datasets.get(id, cli.call));
        return EXIT.ok;
      }),
    );

  const addImages = datasets
    .command('add-images')
    .description('Adds reference images, all of them or none.')
    .argument('<id>')
    .argument('<file...>', 'PNG, JPEG or WebP')
    .action((id: string, paths: string[]) =>
      run(addImages, async (cli) => {
        const files = await Promise.all(paths.map(openPicture));
        await printDataset(cli, await cli.client.datasets.addImages(id, files, cli.call));
        return EXIT.ok;
      }),
    );

  const removeImage = datasets
    .command('remove-image')
    .description('Takes a reference image away; "show" tells their ids.')
    .argument('<id>')
    .argument('<image>')
    .action((id: string, imageId: string) =>
      run(removeImage, async (cli) => {
        await cli.client.datasets.removeImage(id, imageId, cli.call);
        await printDataset(cli, await cli.client.datasets.get(id, cli.call));
        return EXIT.ok;
      }),
    );

  const remove = datasets
    .command('delete')
    .description('Deletes one, with its files; images that were made with it stay.')
    .argument('<id>')
    .action((id: string) =>
      run(remove, async (cli) => {
        await cli.client.datasets.delete(id, cli.call);
        if (!cli.json) cli.terminal.say(`The dataset ${id} is no more.`);
        return EXIT.ok;
      }),
    );
}

function addFieldOptions(command: Command): Command {
  return command
    .option('--name <name>', 'for people')
    .option('--brand <brand>', 'goes into prompts')
    .option('--vibe <vibe>', 'goes into prompts')
    .addOption(new Option('--element <text>', 'a visual element; may be given again').argParser(collect));
}

/** What was given; an empty text is none. */
function readFields({ element, ...texts }: Fields): DatasetPatch {
  const given = Object.entries(texts).filter(([, text]) => text !== undefined);
  const elements = element?.filter((one) => one !== '');
  return {
    ...Object.fromEntries(given.map(([name, text]) => [name, text === '' ? null : text])),
    ...(elements && { unique_visual_elements: elements.length > 0 ? elements : null }),
  };
}

/** What `openAsBlob` says of a file that is not there does not name it. */
async function openPicture(path: string): Promise<Blob> {
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw toInputError(error, path);
  });
  return openAsBlob(path);
}
