/** A failure of the embedded stack that a person can act on: its message is shown as it is, without a stack trace. */
export class StackError extends Error {
  override name = 'StackError';
}

/** True for the system error `code` (`'ENOENT'`, `'EEXIST'`, …). */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
