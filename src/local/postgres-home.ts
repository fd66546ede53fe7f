import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { copyPostgresPrograms, findPostgresPrograms } from './postgres-programs.ts';
import { StackError } from './stack-error.ts';

/** Where root puts what `nobody` must reach when the checkout lies below a closed folder such as /root. */
export const OPEN_FOLDER = '/var/lib/darkroom';

type User = { uid: number; gid: number };

/** Where Postgres has its programs and its data, and the user it runs as: absent means ours. */
export type PostgresHome = { programs: string; data: string; user?: User };

/**
 * Chooses where Postgres lives for this data folder. Postgres refuses to run as root, so for root it runs as the owner
 * of its data, at first `nobody`. What that user cannot reach is put below /var/lib/darkroom: the programs as a copy,
 * the data with a symbolic link in its usual place.
 */
export function choosePostgresHome(dataDir: string): PostgresHome {
  const usual = join(dataDir, 'postgres');
  const programs = findPostgresPrograms();
  if (process.getuid?.() !== 0) {
    assertNamedUser();
    return { programs, data: usual };
  }
  const user = ownerOf(usual) ?? findNobody();
  return {
    programs: canReach(user, join(programs, 'bin', 'initdb'))
      ? programs
      : copyPostgresPrograms(programs, OPEN_FOLDER),
    data: isLink(usual) || !canReach(user, dataDir) ? linkData(usual, dataDir) : usual,
    user,
  };
}

/** Whether this user may enter or run `path`; asked of the system itself, which also knows ACLs and mounts. */
export function canReach(user: User, path: string): boolean {
  const test = spawnSync('/bin/sh', ['-c', 'test -r "$0" && test -x "$0"', path], { ...user, cwd: '/' });
  return test.status === 0;
}

/** The user `nobody` of this machine; its number differs between systems. */
export function findNobody(): User {
  const ask = (flag: string) =>
    Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout.trim() || 'NaN');
  const user = { uid: ask('-u'), gid: ask('-g') };
  if (Number.isNaN(user.uid) || Number.isNaN(user.gid)) {
    throw new StackError(
      'Postgres cannot run as root, and this machine has no user "nobody": run as another user.',
    );
  }
  return user;
}

/**
 * The link in the data folder decides, so that a checkout may be moved. Without one, data of an earlier link is what a
 * removed data folder left: it goes, unless a Postgres may still use it.
 */
function linkData(usual: string, dataDir: string): string {
  if (isLink(usual)) return readlinkSync(usual);
  if (existsSync(usual)) {
    throw new StackError(
      `The user of Postgres can no longer enter ${usual}: open the folders above it (chmod o+x), or remove it to begin anew.`,
    );
  }
  const home = join(OPEN_FOLDER, createHash('sha256').update(dataDir).digest('hex').slice(0, 12));
  mkdirSync(home, { recursive: true, mode: 0o755 });
  writeFileSync(join(home, 'README.txt'), `The PostgreSQL data of ${dataDir}; may be removed with it.\n`);
  for (const old of readdirSync(home).filter((name) => name.startsWith('postgres-'))) {
    if (!existsSync(join(home, old, 'postmaster.pid'))) rmSync(join(home, old), { recursive: true });
  }
  const data = join(home, `postgres-${randomUUID().slice(0, 8)}`);
  symlinkSync(data, usual);
  return data;
}

/** Containers are often run as a bare number, and initdb then only says that it does not exist. */
function assertNamedUser(): void {
  try {
    userInfo();
  } catch {
    throw new StackError(
      `Postgres needs a user with a name, and ${process.getuid?.()} has none in /etc/passwd: run as another user, or as root.`,
    );
  }
}

function ownerOf(folder: string): User | null {
  const stat = statSync(folder, { throwIfNoEntry: false });
  return stat && stat.uid !== 0 ? { uid: stat.uid, gid: stat.gid } : null;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
