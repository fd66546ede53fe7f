import { Counter, Histogram, type Registry } from 'prom-client';
import { StorageError } from '../storage-error.ts';

/** How one try of an SQL function went. `unclear`: it may have been executed or not; `refused`: it was not. */
export type RpcOutcome = 'ok' | 'unclear' | 'refused';
export type ObserveRpc = (fn: string, outcome: RpcOutcome, ms: number) => void;

export type StorageOutcome = 'ok' | 'aborted' | 'failed' | StorageError['kind'];
export type ObserveStorage = (operation: string, outcome: StorageOutcome, ms: number) => void;

export type ObserveStep = (step: string, outcome: 'ok' | 'failed') => void;

/** What every process asks of the database and of Storage, and what it does by the clock. Labels are names in the code. */
export function createCallMetrics(registry: Registry) {
  const registers = [registry];
  const rpc = new Histogram({
    name: 'darkroom_rpc_duration_seconds',
    help: 'Each try of an SQL function over PostgREST.',
    labelNames: ['function', 'outcome'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers,
  });
  const storage = new Histogram({
    name: 'darkroom_storage_duration_seconds',
    help: 'Each call of Supabase Storage.',
    labelNames: ['operation', 'outcome'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers,
  });
  const steps = new Counter({
    name: 'darkroom_steps_total',
    help: 'Rounds of what a process does by the clock: releasing, reconciling, expiring, cleaning up.',
    labelNames: ['step', 'outcome'],
    registers,
  });

  const observeRpc: ObserveRpc = (fn, outcome, ms) => rpc.observe({ function: fn, outcome }, ms / 1_000);
  const observeStorage: ObserveStorage = (operation, outcome, ms) =>
    storage.observe({ operation, outcome }, ms / 1_000);
  const observeStep: ObserveStep = (step, outcome) => steps.inc({ step, outcome });
  return { observeRpc, observeStorage, observeStep };
}

export type CallMetrics = ReturnType<typeof createCallMetrics>;

/** `signal`: the caller's own; a call that it ended says nothing about Storage. */
export function storageOutcome(error: unknown, signal: AbortSignal | undefined): StorageOutcome {
  if (signal?.aborted) return 'aborted';
  return error instanceof StorageError ? error.kind : 'failed';
}
