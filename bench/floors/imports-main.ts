/** The floor of a start: imports the packages that the process of OF imports, found in its sources, and nothing else. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = new Set<string>();
const seen = new Set<string>();
collect(fileURLToPath(new URL(`../../src/${process.env.OF}/main.ts`, import.meta.url)));
for (const name of packages) await import(name);
process.stdout.write('imported\n');

function collect(path: string): void {
  if (seen.has(path)) return;
  seen.add(path);
  const text = readFileSync(path, 'utf8');
  for (const [, name = ''] of text.matchAll(
    /^(?:import|export)\b(?! type)(?:[^'";]*\bfrom)?\s*'([^']+)'/gm,
  )) {
    if (name.startsWith('.')) collect(resolve(dirname(path), name));
    else packages.add(name);
  }
}
