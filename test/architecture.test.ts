import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['src', 'test', 'bench', 'migrations'];

type SourceFile = { path: string; text: string; imports: string[]; types: string[] };
let files: SourceFile[];
let sources: SourceFile[];
before(() => {
  files = FOLDERS.flatMap(listFiles).map(readSource);
  sources = files.filter(({ path }) => /^src\/.*\.ts$/.test(path));
});

function listFiles(folder: string): string[] {
  try {
    return readdirSync(resolve(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, resolve(entry.parentPath, entry.name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** With the paths, from the root, of what it imports of this repository: by statement, type or call. */
function readSource(path: string): SourceFile {
  const text = readFileSync(resolve(ROOT, path), 'utf8');
  const statement = /^(?:import|export)\b(?:[^'";]*\bfrom)?\s*'(\.[^']+)'/gm;
  const call = /\b(?:import\(|new URL\()\s*'(\.[^']+\.ts)'/g;
  const specifiers = [...text.matchAll(statement), ...text.matchAll(call)].map((match) => String(match[1]));
  const toPath = (specifier: string) => relative(ROOT, resolve(ROOT, dirname(path), specifier));
  const types = [...text.matchAll(/^import type\b[^'";]*\bfrom\s*'(\.[^']+)'/gm)].map((match) =>
    String(match[1]),
  );
  return { path, text, imports: specifiers.map(toPath), types: types.map(toPath) };
}

const partOf = (path: string) => path.split('/')[1] ?? '';

describe('the parts of src/', () => {
  /** What each part may import beside itself. */
  const MAY_IMPORT: Record<string, string[]> = {
    api: ['shared'],
    worker: ['shared'],
    shared: [],
    migrate: ['shared'],
    client: [],
    cli: ['client'],
    web: ['client'],
    local: ['api', 'worker', 'shared', 'migrate', 'client', 'cli'],
  };

  it('are the known ones', () => {
    assert.deepEqual(
      [...new Set(sources.map(({ path }) => partOf(path)))].filter((part) => !(part in MAY_IMPORT)),
      [],
    );
  });

  it('import in one direction only', () => {
    // The client has its types from the schemas that validate; nothing of them is there when it runs.
    const wrong = sources.flatMap(({ path, imports, types }) =>
      imports
        .filter((imported) => imported.startsWith('src/') && partOf(imported) !== partOf(path))
        .filter((imported) => !MAY_IMPORT[partOf(path)]?.includes(partOf(imported)))
        .filter((imported) => !(partOf(path) === 'client' && types.includes(imported)))
        .map((imported) => `${path} imports ${imported}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('of which browsers run two have no package and nothing of Node', () => {
    const inBrowsers = sources.filter(({ path }) => ['web', 'client'].includes(partOf(path)));
    const outside = /^import (?!type\b)[^'";]*'(?!\.)[^']+'|\bprocess\.[a-z]+\b/m;
    assert.deepEqual(pathsOf(inBrowsers.filter(({ text }) => outside.test(text))), []);
  });

  it('import nothing of the tests and benchmarks', () => {
    const wrong = sources.filter(({ imports }) => imports.some((imported) => !imported.startsWith('src/')));
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });

  it('have no cycle of files', () => {
    const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]));
    const finished = new Set<string>();
    const findCycle = (path: string, trail: string[]): string[] | null => {
      if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
      if (finished.has(path)) return null;
      finished.add(path);
      for (const imported of importsOf.get(path) ?? []) {
        const cycle = findCycle(imported, [...trail, path]);
        if (cycle) return cycle;
      }
      return null;
    };
    assert.deepEqual(
      sources.flatMap(({ path }) => findCycle(path, [])?.join(' -> ') ?? []),
      [],
    );
  });
});

describe('every file', () => {
  it('is named in kebab-case', () => {
    const wrong = files.filter(
      ({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|d))?\.[a-z]+$/.test(baseName(path)),
    );
    // RESULTS.md is written like README.md, to be seen.
    const others = wrong.filter(({ path }) => !path.startsWith('migrations/') && path !== 'bench/RESULTS.md');
    assert.deepEqual(pathsOf(others), []);
  });

  it('of migrations is named by four digits and what it changes', () => {
    const migrations = files.filter(({ path }) => path.startsWith('migrations/'));
    assert.deepEqual(
      pathsOf(migrations.filter(({ path }) => !/^\d{4}_[a-z0-9]+(_[a-z0-9]+)*\.sql$/.test(baseName(path)))),
      [],
    );
  });

  it('is about one thing, and says which', () => {
    const vague = /^(index|utils?|helpers?|common|misc)\b|manager|service\b/;
    assert.deepEqual(pathsOf(files.filter(({ path }) => vague.test(baseName(path)))), []);
  });

  it('has at most 250 lines', () => {
    const long = files.filter(({ path, text }) => path.endsWith('.ts') && text.split('\n').length > 251);
    assert.deepEqual(pathsOf(long), []);
  });

  it('imports with its ending', () => {
    const wrong = files.filter(({ imports }) =>
      imports.some((path) => !/\.(ts|json|sql|css|html)$/.test(path)),
    );
    assert.deepEqual(pathsOf(wrong), []);
  });
});

describe('a process', () => {
  const isMain = (path: string) => /(^|\/|-)main\.ts$/.test(path);

  it('reads its environment in its main file only', () => {
    const wrong = sources.filter(
      ({ path, text }) => !isMain(path) && /\bprocess\.env\b|\benv\b.*from 'node:process'/.test(text),
    );
    assert.deepEqual(pathsOf(wrong), []);
  });

  it('has a main file that nobody imports', () => {
    const wrong = files.flatMap(({ path, text, imports }) =>
      imports
        .filter((imported) => isMain(imported) && imported.startsWith('src/'))
        .filter((imported) => !text.includes(`new URL('${relativeTo(path, imported)}'`))
        .map((imported) => `${path} imports ${imported}`),
    );
    assert.deepEqual(wrong, []);
  });
});

it('SQL is written in migrations/, src/migrate/ and src/local/ only', () => {
  const sql =
    /['"`]\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|(create|alter|drop)\s+(or\s+replace\s+)?(table|function|index|database)\s|begin\b|commit\b)/i;
  const wrong = sources.filter(({ path, text }) => !/^src\/(migrate|local)\//.test(path) && sql.test(text));
  assert.deepEqual(pathsOf(wrong), []);
});

function baseName(path: string): string {
  return path.split('/').at(-1) ?? '';
}

function pathsOf(found: SourceFile[]): string[] {
  return found.map(({ path }) => path);
}

function relativeTo(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}
