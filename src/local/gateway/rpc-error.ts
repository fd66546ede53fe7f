import { DatabaseError } from 'pg';
import { jsonReply, type Reply } from './reply.ts';

/** What PostgREST says instead of a result; the four body fields are there in every error it answers. */
export interface RpcProblem {
  status: number;
  code: string;
  message: string;
  details?: string | null | undefined;
  hint?: string | null | undefined;
  statusText?: string;
  headers?: Record<string, string>;
}

/** An answer of PostgREST other than a result. */
export class RpcError extends Error {
  readonly problem: RpcProblem;

  constructor(problem: RpcProblem, options?: ErrorOptions) {
    super(problem.message, options);
    this.name = 'RpcError';
    this.problem = problem;
  }
}

/** PostgREST's answer while it cannot reach the database at all. */
export function databaseUnreachable(cause: unknown): RpcError {
  const message = 'Could not query the database for the schema cache. Retrying.';
  return new RpcError({ status: 503, code: 'PGRST002', message, headers: { 'retry-after': '0' } }, { cause });
}

/** The answer to send; the order of the body's keys is PostgREST's own. */
export function rpcErrorReply({ problem }: RpcError): Reply {
  const { status, code, message, details = null, hint = null, statusText, headers } = problem;
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  const reply = jsonReply(
    status,
    { code, details, hint, message },
    { 'proxy-status': `PostgREST; error=${code}`, ...challenge, ...headers },
  );
  return statusText === undefined ? reply : { ...reply, statusText };
}

/**
 * PostgREST's answer to an error that PostgreSQL raised, or to a connection that broke under the call.
 * `role` decides between 401 (sign in first) and 403 (you may not) for missing rights.
 */
export function fromDatabaseFailure(error: unknown, role: string): RpcError {
  if (!(error instanceof DatabaseError) || error.code === undefined) return connectionLost(error);
  if (error.code === 'PGRST') return raisedResponse(error);
  const { code, message, detail: details, hint } = error;
  const problem: RpcProblem = { status: statusOf(code, message, role), code, message, details, hint };
  if (code.startsWith('PT')) problem.statusText = message;
  if (code === '57P01') problem.headers = { 'retry-after': '0' };
  return new RpcError(problem, { cause: error });
}

function connectionLost(cause: unknown): RpcError {
  return new RpcError(
    {
      status: 503,
      code: 'PGRST001',
      message: 'Database client error. Retrying the connection.',
      details: cause instanceof Error ? cause.message : String(cause),
      headers: { 'retry-after': '0' },
    },
    { cause },
  );
}

const statusByCode: Record<string, number> = {
  '23503': 409,
  '23505': 409,
  '25006': 405,
  '42883': 404,
  '42P01': 404,
  '42P17': 500,
  '53400': 500,
  '57P01': 503,
  P0001: 400,
};

const statusByClass: Record<string, number> = {
  '08': 503,
  '09': 500,
  '0L': 403,
  '0P': 403,
  '25': 500,
  '28': 403,
  '2D': 500,
  '38': 500,
  '39': 500,
  '3B': 500,
  '40': 500,
  '53': 503,
  '54': 500,
  '55': 500,
  '57': 500,
  '58': 500,
  F0: 500,
  HV: 500,
  P0: 500,
  XX: 500,
};

function statusOf(code: string, message: string, role: string): number {
  if (code === '42501') return role === 'anon' ? 401 : 403;
  if (code === '22023' && /^role .* does not exist$/.test(message)) return 401;
  if (code === '21000') return message.endsWith('requires a WHERE clause') ? 400 : 500;
  if (code.startsWith('PT')) return httpStatus(Number(code.slice(2))) ?? 500;
  return statusByCode[code] ?? statusByClass[code.slice(0, 2)] ?? 400;
}

function httpStatus(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) >= 200 && Number(value) <= 599 ? Number(value) : undefined;
}

/** `raise sqlstate 'PGRST'` lets a function write the whole answer, as JSON in its message and its detail. */
function raisedResponse(error: DatabaseError): RpcError {
  try {
    const { code, message, details, hint } = JSON.parse(error.message) as RpcProblem;
    const answer = JSON.parse(error.detail ?? '') as {
      status: number;
      status_text?: string;
      headers: Record<string, string>;
    };
    const status = httpStatus(answer.status);
    if (typeof code !== 'string' || typeof message !== 'string' || !status)
      throw new TypeError('Missing key');
    const statusText = answer.status_text === undefined ? {} : { statusText: answer.status_text };
    return new RpcError({
      status,
      code,
      message,
      details,
      hint,
      headers: { ...answer.headers },
      ...statusText,
    });
  } catch (cause) {
    const message = 'Could not parse JSON in the "RAISE SQLSTATE \'PGRST\'" error';
    return new RpcError({ status: 500, code: 'PGRST121', message }, { cause });
  }
}
