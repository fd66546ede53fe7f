import type { Status } from '../shared/generation.ts';

/** Whether an object at `path` belongs to nobody: its row is gone, or has ended without naming it. */
export function holdsNoImage(
  end: { status: Status; storage_path: string | null } | null,
  path: string,
): boolean {
  if (!end) return true;
  const ended = end.status !== 'pending' && end.status !== 'processing';
  return ended && end.storage_path !== path;
}
