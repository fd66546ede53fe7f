import { jsonReply, type Reply } from './reply.ts';

/** What the Storage API says instead of a result. */
export interface StorageProblem {
  /** The meant status; it goes into the body as a string, while the HTTP status is mostly 400. */
  statusCode: number;
  code: string;
  message: string;
  /** The older name of the error; the code itself where there is none. */
  error?: string;
  /** The HTTP status, where it is not 400. */
  httpStatus?: number;
}

/** An answer of the Storage API other than a result. */
export class StorageError extends Error {
  readonly problem: StorageProblem;

  constructor(problem: StorageProblem) {
    super(problem.message);
    this.name = 'StorageError';
    this.problem = problem;
  }
}

/** The answer to send, in the body's own order of keys. */
export function storageErrorReply({ problem }: StorageError): Reply {
  const { statusCode, code, message, error = code, httpStatus = 400 } = problem;
  return jsonReply(httpStatus, { statusCode: String(statusCode), error, message, code });
}

/** There is no such bucket, or this caller is not to know of it. */
export function noSuchBucket(): StorageError {
  const message = 'Bucket not found';
  return new StorageError({ statusCode: 404, error: message, code: 'NoSuchBucket', message });
}

/** There is no such object, or this caller is not to know of it. */
export function noSuchKey(): StorageError {
  const message = 'Object not found';
  return new StorageError({ statusCode: 404, error: 'not_found', code: 'NoSuchKey', message });
}

/** The bucket or the object is there already. */
export function alreadyExists(code: 'KeyAlreadyExists' | 'BucketAlreadyExists'): StorageError {
  const message = 'The resource already exists';
  return new StorageError({ statusCode: 409, error: 'Duplicate', code, message });
}

/** A bad token, or a right that this caller does not have. */
export function accessDenied(message: string): StorageError {
  return new StorageError({ statusCode: 403, error: 'Unauthorized', code: 'AccessDenied', message });
}

/** What a write meets for whom no policy allows it; this gateway knows no policies but service_role's bypass. */
export function rowSecurityRefusal(): StorageError {
  return accessDenied('new row violates row-level security policy');
}

/** A request that misses something or has it wrong. */
export function invalidRequest(message: string): StorageError {
  return new StorageError({ statusCode: 400, error: 'Error', code: 'InvalidRequest', message });
}

/** More bytes than the bucket or the server takes. */
export function entityTooLarge(): StorageError {
  const message = 'The object exceeded the maximum allowed size';
  return new StorageError({ statusCode: 413, error: 'Payload too large', code: 'EntityTooLarge', message });
}

/** A content type that the bucket does not take. */
export function invalidMimeType(mimeType: string): StorageError {
  const message = `mime type ${mimeType} is not supported`;
  return new StorageError({ statusCode: 415, error: 'invalid_mime_type', code: 'InvalidMimeType', message });
}
