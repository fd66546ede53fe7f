import type { IncomingMessage } from 'node:http';
import { callStatement, settingsStatement } from './call-statement.ts';
import { chooseFunction, functionNotFound } from './choose-function.ts';
import type { Database } from './database.ts';
import type { Catalogue, CatalogueFunction, FunctionCatalogue } from './function-catalogue.ts';
import type { Reply } from './reply.ts';
import { argumentNames, readArguments } from './rpc-arguments.ts';
import { identifyCaller, type RpcCaller } from './rpc-caller.ts';
import { fromDatabaseFailure, RpcError, rpcErrorReply } from './rpc-error.ts';
import { type CallResult, callForOneRow, callOnce } from './rpc-transaction.ts';
import type { VerifyToken } from './token-verifier.ts';

/** What the route works with; `closing` ends calls that would otherwise be repeated for ever. */
export interface RpcRouteDeps {
  database: Database;
  catalogue: FunctionCatalogue;
  verifyToken: VerifyToken;
  closing: AbortSignal;
}

/** A function as found, and the reading of the catalogue it was found in. */
interface FoundFunction {
  called: CatalogueFunction;
  catalogue: Catalogue;
}

const objectMediaType = 'application/vnd.pgrst.object+json';

/**
 * Answers `/rest/v1/rpc/{name}` as PostgREST does: one READ COMMITTED transaction as the caller's role, the answer
 * written by PostgreSQL itself. A client that leaves does not stop its call.
 */
export function createRpcRoute(deps: RpcRouteDeps) {
  return async function answerRpc(request: IncomingMessage, url: URL, name: string): Promise<Reply> {
    try {
      return await answer(deps, request, url, name);
    } catch (error) {
      if (error instanceof RpcError) return rpcErrorReply(error);
      throw error;
    }
  };
}

async function answer(deps: RpcRouteDeps, request: IncomingMessage, url: URL, name: string): Promise<Reply> {
  const caller = await identifyCaller(request.headers.authorization, deps.verifyToken);
  const given = await readArguments(request, url);
  const found = await findFunction(deps.catalogue, name, argumentNames(given));
  if (!found) throw functionNotFound(name, argumentNames(given), request.method ?? '');

  const single =
    found.called.returnsSet && (request.headers.accept ?? '').split(/[,;]/).includes(objectMediaType);
  const settings = settingsStatement(transactionSettings(found, caller, request, url));
  const statements = `${settings}; ${callStatement(found.called, given, { single })}`;
  const result = await runCall(deps, { statements, single, role: caller.role });

  if (result.body === null) return { status: 204, headers: {} };
  const mediaType = single ? objectMediaType : 'application/json';
  return { status: 200, headers: { 'content-type': `${mediaType}; charset=utf-8` }, body: result.body };
}

async function findFunction(
  functions: FunctionCatalogue,
  name: string,
  names: string[],
): Promise<FoundFunction | undefined> {
  const kept = await functions.current();
  const known = chooseFunction(kept.functions.get(name) ?? [], names);
  if (known) return { called: known, catalogue: kept };
  // Perhaps it was made a moment ago. PostgREST would deny it for up to a second; nobody needs to wait for us.
  const fresh = await functions.reload();
  const made = chooseFunction(fresh.functions.get(name) ?? [], names);
  return made && { called: made, catalogue: fresh };
}

async function runCall(
  { database, catalogue, closing }: RpcRouteDeps,
  { statements, single, role }: { statements: string; single: boolean; role: string },
): Promise<CallResult> {
  const call = single ? callForOneRow : callOnce;
  for (;;) {
    try {
      return await database.withConnection((connection) => call(connection, statements));
    } catch (error) {
      if (error instanceof RpcError) throw error;
      const failure = fromDatabaseFailure(error, role);
      if (failure.problem.code === '42883') catalogue.invalidate();
      // A serialization failure or deadlock PostgREST repeats for as long as it comes, without a pause, whether or not
      // anybody still waits. Who raises one is to find that out here.
      const repeated = failure.problem.code === '40001' || failure.problem.code === '40P01';
      if (!repeated || closing.aborted) throw failure;
    }
  }
}

function transactionSettings(
  { called, catalogue }: FoundFunction,
  { role, claims }: RpcCaller,
  request: IncomingMessage,
  url: URL,
): Record<string, string> {
  const readOnly = request.method !== 'POST' || !called.volatile;
  return {
    ...(readOnly ? { transaction_read_only: 'on' } : {}),
    role,
    search_path: 'public, extensions',
    ...catalogue.roleSettings.get('authenticator'),
    ...catalogue.roleSettings.get(role),
    ...(called.statementTimeout === null ? {} : { statement_timeout: called.statementTimeout }),
    'request.jwt.claims': JSON.stringify(claims),
    'request.method': request.method ?? '',
    'request.path': url.pathname.replace('/rest/v1', ''),
    'request.headers': JSON.stringify(request.headers),
  };
}
