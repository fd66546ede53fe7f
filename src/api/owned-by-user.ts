import type { Request } from 'express';
import { type CallerScope, LIMIT_REACHED } from '../shared/caller-scope.ts';
import { RpcError } from '../shared/rpc.ts';
import { ApiError, unauthorized } from './api-error.ts';
import type { Caller, IdentifyCaller } from './caller.ts';
import { validationFailed } from './validation.ts';

/** SQLSTATE of what is to belong to nobody. */
const USER_IS_GONE = '23503';

/** How the things are called in refusals: 'API keys'. */
export type Things = { plural: string; tooMany: string };

/**
 * Who manages a user's secrets: the user, or an admin. An API key does not: whoever finds one in a script's log must not be
 * able to outlive its revocation, or to replace what others trust.
 *
 * @throws ApiError unauthorized, forbidden
 */
export async function identifyOwner(identify: IdentifyCaller, req: Request, things: Things): Promise<Caller> {
  const caller = await identify(req);
  if (caller.kind === 'anonymous') throw unauthorized(`${things.plural} are for users who sign in.`);
  if (caller.kind === 'api_key') {
    throw new ApiError('forbidden', `An API key cannot manage ${things.plural}.`);
  }
  return caller;
}

/** Of the user who is named, who may be another one only to an admin. @throws ApiError forbidden */
export function scopeOfOwner(
  { scope }: Caller,
  asked: string | null | undefined,
  things: Things,
): CallerScope {
  if (asked == null) return scope;
  if (!scope.admin && asked !== scope.userId) {
    throw new ApiError('forbidden', `The ${things.plural} of other users are for admins.`);
  }
  return { userId: asked };
}

/** Why one more could not be made. */
export function explainOwnerRefusal(error: unknown, { scope }: Caller, things: Things): unknown {
  if (!(error instanceof RpcError)) return error;
  if (error.code === LIMIT_REACHED) {
    return validationFailed([{ pointer: '', code: 'too_many', detail: things.tooMany }]);
  }
  if (error.code === USER_IS_GONE && scope.admin) {
    return validationFailed([{ pointer: '/user_id', code: 'unknown', detail: 'There is no such user.' }]);
  }
  if (error.code === USER_IS_GONE) return unauthorized('The user of this token is gone.', error);
  return error;
}
