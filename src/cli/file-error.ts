import { usageError } from './exit-codes.ts';

const WHY: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'you have no right to it',
  EPERM: 'you have no right to it',
  EISDIR: 'that is a folder',
  ENOTDIR: 'a part of its path is no folder',
  EROFS: 'nothing can be written there',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your share of the disk is full',
  EMFILE: 'too many files are open',
};

/** `none.csv: there is no such file or folder.` Null for what the file system has not said. */
export function describeFileError(error: unknown, path?: string): string | null {
  if (!(error instanceof Error)) return null;
  const { code = '', path: told } = error as NodeJS.ErrnoException;
  if (!Object.hasOwn(WHY, code)) return null;
  const named = path ?? told;
  return `${named === undefined ? '' : `${named}: `}${WHY[code]}.`;
}

/** Of a file that the command line names to be read, before anything was sent: the command line is wrong. */
export function toInputError(error: unknown, path: string): unknown {
  const sentence = describeFileError(error, path);
  return sentence === null ? error : usageError(sentence, { cause: error });
}
