import { type Command, Option } from 'commander';
import type { ImageRequest } from '../client/images.ts';
import { usageError } from './exit-codes.ts';

/** A field of a request: its option, and how it is read from a text. */
type Field = { flags: string; option: string; description: string; read: (text: string) => unknown };

const asIs = (text: string): unknown => text;

/**
 * The fields that images have in common. What a value may be is for the API to say, which knows its models; a text is only
 * brought into the type that the field has.
 */
const FIELDS: Record<string, Field> = {
  dataset_id: {
    flags: '--dataset <id>',
    option: 'dataset',
    description: 'brand, vibe and reference images of this dataset',
    read: asIs,
  },
  style: {
    flags: '--style <style>',
    option: 'style',
    description: 'a known style, or your own words',
    read: asIs,
  },
  aspect_ratio: {
    flags: '--aspect-ratio <ratio>',
    option: 'aspectRatio',
    description: 'such as 16:9',
    read: asIs,
  },
  quality: {
    flags: '--quality <quality>',
    option: 'quality',
    description: 'standard, high or ultra',
    read: asIs,
  },
  format: { flags: '--format <format>', option: 'format', description: 'png, jpeg or webp', read: asIs },
  resolution: { flags: '--resolution <size>', option: 'resolution', description: '1K, 2K or 4K', read: asIs },
  model: {
    flags: '--model <id>',
    option: 'model',
    description: 'another model than the default',
    read: asIs,
  },
  deadline_seconds: {
    flags: '--deadline <seconds>',
    option: 'deadline',
    description: 'when to give an image up',
    read: readWholeNumber,
  },
};

/** Columns and keys of a file of prompts. `metadata.<key>` comes on top. */
export const ITEM_FIELDS: Record<string, (text: string) => unknown> = {
  prompt: asIs,
  custom_id: asIs,
  ...Object.fromEntries(Object.entries(FIELDS).map(([name, { read }]) => [name, read])),
  reference_images: readReferences,
  webhook_url: asIs,
};
const METADATA = 'metadata.';

/** The key of a column `metadata.<key>`; null for others. */
export const metadataKeyOf = (column: string): string | null =>
  column.startsWith(METADATA) && column.length > METADATA.length ? column.slice(METADATA.length) : null;

/** Adds an option for each field that images have in common. */
export function addImageOptions(command: Command): Command {
  for (const { flags, description } of Object.values(FIELDS)) command.option(flags, description);
  return command
    .addOption(
      new Option('--reference-image <address>', 'https://… or bucket/path; may be given again').argParser(
        collect,
      ),
    )
    .addOption(
      new Option('--metadata <key=value>', 'your own strings; may be given again').argParser(collect),
    );
}

/** What those options say, as fields of a request. @throws CliError usage */
export function readImageOptions(options: Record<string, unknown>): Partial<ImageRequest> {
  const read: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(FIELDS)) {
    const text = options[field.option];
    if (typeof text !== 'string') continue;
    try {
      read[name] = field.read(text);
    } catch (error) {
      throw usageError(`${field.flags.split(' ')[0]}: ${(error as Error).message}.`);
    }
  }
  const references = options.referenceImage as string[] | undefined;
  const pairs = options.metadata as string[] | undefined;
  return {
    ...read,
    ...(references && { reference_images: references }),
    ...(pairs && { metadata: readPairs(pairs) }),
  } as Partial<ImageRequest>;
}

/** `key=value`, each. @throws CliError usage */
export function readPairs(pairs: string[]): Record<string, string> {
  const read = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at < 1) throw usageError(`--metadata: "${pair}" is no key=value.`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return Object.fromEntries(read);
}

/** For options that may be given again. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function readWholeNumber(text: string): number {
  if (!/^\s*\d{1,9}\s*$/.test(text)) throw new Error(`"${text}" is no whole number`);
  return Number(text);
}

/** Addresses hold commas and blanks, but no `|`. */
function readReferences(text: string): string[] {
  return text
    .split('|')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}
