import { readdir } from 'node:fs/promises';
import type { ObjectStore, StoredObject } from './object-store.ts';
import { orNullIfMissing } from './record-files.ts';
import { readFolderEntries, type StoragePaths } from './storage-names.ts';

/** What to list: the direct contents of a folder whose names begin with `search`. */
export interface ListQuery {
  bucket: string;
  folder: string;
  search: string;
  limit: number;
  offset: number;
  column: 'name' | 'created_at' | 'updated_at' | 'last_accessed_at';
  order: 'asc' | 'desc';
}

/** A row of a listing; a folder has a name and nothing else. */
export type ListRow = Pick<StoredObject, 'name'> & {
  [field in 'id' | 'created_at' | 'updated_at' | 'last_accessed_at' | 'metadata']: StoredObject[field] | null;
};

/** Lists as Storage does: folders first, names relative to the folder; a missing folder or bucket is empty. */
export async function listFolder(
  { paths, objects }: { paths: StoragePaths; objects: ObjectStore },
  query: ListQuery,
): Promise<ListRow[]> {
  const entries = (await orNullIfMissing(readdir(paths.folder(query.bucket, query.folder)))) ?? [];
  const found = readFolderEntries(entries);
  const sought = (name: string) => name.toLowerCase().startsWith(query.search.toLowerCase());
  const load = async (name: string) => {
    const object = await objects.find(query.bucket, query.folder === '' ? name : `${query.folder}/${name}`);
    return object && objectRow(name, object);
  };

  const folders = found.folders.filter(sought).map(folderRow);
  const names = found.objects.filter(sought);
  if (query.column === 'name') {
    // Only the page's own records are read: a folder may hold a great many.
    const rows = [...folders.toSorted(byColumn(query)), ...sortNames(names, query.order)];
    const page = rows.slice(query.offset, query.offset + query.limit);
    const loaded = await Promise.all(page.map((row) => (typeof row === 'string' ? load(row) : row)));
    return loaded.filter((row) => row !== null);
  }
  const loaded = (await Promise.all(names.map(load))).filter((row) => row !== null);
  return [...folders, ...loaded.toSorted(byColumn(query))].slice(query.offset, query.offset + query.limit);
}

function folderRow(name: string): ListRow {
  return { name, id: null, updated_at: null, created_at: null, last_accessed_at: null, metadata: null };
}

function objectRow(name: string, object: StoredObject): ListRow {
  const { id, updated_at, created_at, last_accessed_at, metadata } = object;
  return { name, id, updated_at, created_at, last_accessed_at, metadata };
}

function sortNames(names: string[], order: ListQuery['order']): string[] {
  const sorted = names.toSorted();
  return order === 'asc' ? sorted : sorted.reverse();
}

function byColumn({ column, order }: ListQuery): (a: ListRow, b: ListRow) => number {
  const sign = order === 'asc' ? 1 : -1;
  return (a, b) => ((a[column] ?? '') < (b[column] ?? '') ? -sign : sign);
}
