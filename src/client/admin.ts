import type {
  LimitsRecord,
  limitsRequest,
  PurgedRecord,
  pauseRequest,
  purgeRequest,
  QueueState,
  RetriedRecord,
  resumeRequest,
  retryRequest,
  WorkerList,
} from '../api/admin-schemas.ts';
import type { CallOptions, Send } from './http.ts';

/** The part of a schema of zod that has the type of what goes in. */
type InputOf<Schema extends { _zod: { input: unknown } }> = Schema['_zod']['input'];
export type PauseOptions = InputOf<typeof pauseRequest>;
export type ResumeOptions = InputOf<typeof resumeRequest>;
export type RetryOptions = InputOf<typeof retryRequest>;
export type PurgeOptions = InputOf<typeof purgeRequest>;
export type LimitChanges = InputOf<typeof limitsRequest>;
export type { LimitsRecord, PurgedRecord, QueueState, RetriedRecord, WorkerList };

/** What operators do, with the service key or `ADMIN_TOKEN` as the client's token. All of it may be repeated. */
export function createAdmin(send: Send) {
  const ask = async <T>(method: string, path: string, options: CallOptions, body?: object): Promise<T> =>
    (await send(method, `/admin/${path}`, { ...options, ...(body && { body }) })).body as T;

  return {
    /** What holds images back. */
    queue: (options: CallOptions = {}) => ask<QueueState>('GET', 'queue', options),
    pause: (pause: PauseOptions = {}, options: CallOptions = {}) =>
      ask<QueueState>('POST', 'queue/pause', options, pause),
    resume: (resume: ResumeOptions = {}, options: CallOptions = {}) =>
      ask<QueueState>('POST', 'queue/resume', options, resume),
    workers: (options: CallOptions = {}) => ask<WorkerList>('GET', 'workers', options),
    limits: (options: CallOptions = {}) => ask<LimitsRecord>('GET', 'limits', options),
    /** What is not named stays, null takes away. */
    changeLimits: (changes: LimitChanges, options: CallOptions = {}) =>
      ask<LimitsRecord>('PATCH', 'limits', options, changes),
    /** Copies failed images. Not repeated when the connection breaks: another call makes `limit` more of them. */
    retryFailed: (filter: RetryOptions = {}, options: CallOptions = {}) =>
      ask<RetriedRecord>('POST', 'queue/retry-failed', { ...options, retryForMs: 0 }, filter),
    /** Cancels pending images: of `user_id`, or with `all` of everybody. */
    purge: (filter: PurgeOptions, options: CallOptions = {}) =>
      ask<PurgedRecord>('POST', 'queue/purge', options, filter),
  };
}
