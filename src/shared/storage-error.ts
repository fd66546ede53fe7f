/**
 * Storage did not do it. `kind`: 'missing' (no such object or bucket), 'exists' (the key is taken), 'refused' (it will
 * never take this), 'too_large' (the object has more than was asked for), 'unavailable' (worth repeating; the call may
 * have been executed).
 */
export class StorageError extends Error {
  readonly kind: 'missing' | 'exists' | 'refused' | 'too_large' | 'unavailable';

  constructor(kind: StorageError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StorageError';
    this.kind = kind;
  }
}

/** Storage says nearly everything with HTTP 400 and the meant status in the body, so that is what counts. */
export function toStorageError(error: Error & { status?: unknown; statusCode?: unknown }): StorageError {
  const kind = kindOfStatus(Number(error.statusCode)) ?? kindOfStatus(Number(error.status)) ?? 'unavailable';
  return new StorageError(kind, error.message, { cause: error });
}

/** Key, rights, time and load: what an operator or a while can mend, so that no paid image is given up for it. */
const MENDABLE = new Set([401, 403, 408, 429]);

function kindOfStatus(status: number): StorageError['kind'] | null {
  if (status === 404) return 'missing';
  if (status === 409) return 'exists';
  if (status >= 500 || MENDABLE.has(status)) return 'unavailable';
  return status >= 400 ? 'refused' : null;
}
