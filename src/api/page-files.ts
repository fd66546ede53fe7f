import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { contentTag } from './etag.ts';

const FOLDERS = {
  web: fileURLToPath(new URL('../web/', import.meta.url)),
  client: fileURLToPath(new URL('../client/', import.meta.url)),
};
export type PageFolder = keyof typeof FOLDERS;

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  ts: 'text/javascript; charset=utf-8',
};

export type PageFile = { body: string; type: string; etag: string };

/**
 * The page's own files and the client that it is built on, as a browser takes them: of TypeScript the types are left out,
 * and nothing else is done to it. Each is made when it is first asked for, and kept. Null for any other name.
 */
export function createReadPageFile(): (folder: PageFolder, name: string) => Promise<PageFile | null> {
  const known = new Map<string, Promise<PageFile>>();
  const names = { web: new Set(readdirSync(FOLDERS.web)), client: new Set(readdirSync(FOLDERS.client)) };

  return async (folder, name) => {
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
    if (!names[folder].has(name) || type === undefined) return null;
    const key = `${folder}/${name}`;
    const file = known.get(key) ?? read(FOLDERS[folder] + name, type);
    known.set(key, file);
    file.catch(() => known.delete(key));
    return file;
  };
}

async function read(path: string, type: string): Promise<PageFile> {
  const source = await readFile(path, 'utf8');
  const body = path.endsWith('.ts') ? stripTypeScriptTypes(source) : source;
  return { body, type, etag: contentTag(body) };
}
