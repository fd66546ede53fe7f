import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from './logger.ts';
import type { ObserveRpc } from './metrics/call-metrics.ts';
import type { SupabaseClient } from './supabase.ts';

/**
 * An SQL function did not answer. `unclear`: the call may have been executed or not (network, restart, no connection);
 * it is safe to repeat and may go through. Otherwise the database refused it, and nothing was written.
 */
export class RpcError extends Error {
  readonly fn: string;
  readonly code: string;
  /** May quote the row that was refused, prompt and all: a logger that lists an error's properties must not see it. */
  declare readonly details: string;
  readonly unclear: boolean;

  constructor(fn: string, failure: { code: string; message: string; details?: string; unclear: boolean }) {
    super(`${fn}: ${failure.code} ${failure.message}`.trim());
    this.name = 'RpcError';
    this.fn = fn;
    this.code = failure.code;
    Object.defineProperty(this, 'details', { value: failure.details ?? '', enumerable: false });
    this.unclear = failure.unclear;
  }
}

export type CallOptions = {
  /** How long an unclear outcome is repeated, in milliseconds. 0: one try. */
  repeatForMs: number;
  /** Ends the repeating (and the call in flight) early; the promise rejects with the unclear error or the reason. */
  signal?: AbortSignal;
  /** Of one try; hosted Supabase itself gives up after 8 s. */
  timeoutMs?: number;
};

export type Rpc = (fn: string, args: Record<string, unknown>, options: CallOptions) => Promise<unknown>;

/** What PostgREST answers while the database is away or has just come back: safe to repeat, everything else is not. */
const UNCLEAR_CODES = new Set(['57P01', 'PGRST000', 'PGRST001', 'PGRST002', 'PGRST003']);

/** The last try before giving up gets at least so long. */
const SHORTEST_TRY_MS = 1_000;

/**
 * Calls SQL functions through PostgREST; repeats what may be repeated, and logs an outage once, not per call. `observe`
 * is told of each try.
 */
export function createRpc(client: SupabaseClient, log: Logger, observe?: ObserveRpc): Rpc {
  let away = false;

  const callOnce = async (
    fn: string,
    args: Record<string, unknown>,
    options: CallOptions,
    timeoutMs: number,
  ): Promise<unknown> => {
    const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    const from = performance.now();
    const { data, error, status } = await client.rpc(fn, args).abortSignal(signal);
    const ms = performance.now() - from;
    if (!error) {
      observe?.(fn, 'ok', ms);
      return data;
    }
    // Without a code it was not PostgREST that answered, but something in front of it.
    const unclear =
      status === 0 || status === 503 || status === 504 || !error.code || UNCLEAR_CODES.has(error.code);
    observe?.(fn, unclear ? 'unclear' : 'refused', ms);
    throw new RpcError(fn, { code: error.code, message: error.message, details: error.details, unclear });
  };

  return async (fn, args, options) => {
    const giveUpAt = performance.now() + options.repeatForMs;
    for (let tries = 0; ; tries++) {
      try {
        const left = giveUpAt - performance.now();
        const longest = options.timeoutMs ?? 10_000;
        const timeoutMs =
          options.repeatForMs > 0 ? Math.min(longest, Math.max(left, SHORTEST_TRY_MS)) : longest;
        const data = await callOnce(fn, args, options, timeoutMs);
        if (away) log.info({ fn }, 'database.back');
        away = false;
        return data;
      } catch (error) {
        if (!(error instanceof RpcError) || !error.unclear) throw error;
        if (!away) log.warn({ fn, code: error.code, detail: error.message }, 'database.away');
        away = true;
        const pause = Math.random() * Math.min(1_000, 50 * 2 ** Math.min(tries, 5));
        if (options.signal?.aborted || performance.now() + pause >= giveUpAt) throw error;
        await delay(pause, undefined, { signal: options.signal }).catch(() => {
          throw error;
        });
      }
    }
  };
}
