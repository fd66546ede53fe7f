import { randomBytes } from 'node:crypto';
import { type Request, type RequestHandler, type Response, Router } from 'express';
import { v7 as uuidv7 } from 'uuid';
import type { ApiKey } from '../shared/api-key-store.ts';
import { type CallerScope, LIMIT_REACHED } from '../shared/caller-scope.ts';
import { RpcError } from '../shared/rpc.ts';
import type { Store } from '../shared/store.ts';
import { ApiError, unauthorized } from './api-error.ts';
import { type ApiKeyRecord, apiKeyRequest, apiKeyRequestOfAdmin, apiKeysQuery } from './api-key-schema.ts';
import type { Caller, IdentifyCaller } from './caller.ts';
import { hashOfSecret } from './find-api-key.ts';
import { readPathId } from './path-id.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { toRfc3339 } from './record.ts';
import { parseQuery, readBody, validationFailed } from './validation.ts';

const PATH = '/ai/api-keys';
const SECRET_BYTES = 32;
const HINT_LENGTH = 4;
/** SQLSTATE of a key that is to act as nobody. */
const USER_IS_GONE = '23503';
const WRITE = { repeatForMs: 5_000 };
const READ = { repeatForMs: 2_000 };

/**
 * `GET` and `POST /ai/api-keys`, `DELETE /ai/api-keys/{id}`: keys that scripts sign in with, as their user.
 * Users have their own; an admin sees, makes and revokes everybody's.
 */
export function createApiKeysRoute(deps: {
  store: Pick<Store, 'createApiKey' | 'listApiKeys' | 'revokeApiKey'>;
  identify: IdentifyCaller;
  jsonBody: RequestHandler;
}): Router {
  /** A key makes no other keys: whoever finds one in a script's log must not be able to outlive its revocation. */
  const identifyOwner = async (req: Request): Promise<Caller> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous') throw unauthorized('API keys are for users who sign in.');
    if (caller.kind === 'api_key') throw new ApiError('forbidden', 'An API key cannot manage API keys.');
    return caller;
  };

  const create = async (req: Request, res: Response): Promise<void> => {
    const caller = await identifyOwner(req);
    const { data, errors } = readBody(caller.scope.admin ? apiKeyRequestOfAdmin : apiKeyRequest, req.body);
    if (!data) throw validationFailed(errors);
    const { userId } = scopeOf(caller, data.user_id);
    if (userId === null) throw new Error('an API key without a user');
    const secret = `dk_${randomBytes(SECRET_BYTES).toString('base64url')}`;
    const key = await deps.store
      .createApiKey(
        {
          id: uuidv7(),
          userId,
          name: data.name,
          hint: secret.slice(-HINT_LENGTH),
          secretHash: hashOfSecret(secret),
        },
        WRITE,
      )
      .catch((error: unknown) => {
        throw explainRefusal(error, caller);
      });
    if (!key) throw new Error('create_api_key answered no key');
    res.set('Cache-Control', 'no-store');
    res.status(201).json({ ...toKeyRecord(key), secret });
  };

  const list = async (req: Request, res: Response): Promise<void> => {
    const caller = await identifyOwner(req);
    const { user_id: userId } = parseQuery(apiKeysQuery, req.query);
    const keys = await deps.store.listApiKeys(scopeOf(caller, userId), { limit: 1_000 }, READ);
    res.set('Cache-Control', 'no-store').json({ items: keys.map(toKeyRecord) });
  };

  const revoke = async (req: Request<{ id: string }>, res: Response): Promise<void> => {
    const { scope } = await identifyOwner(req);
    const id = readPathId(req, 'There is no such API key.');
    const key = await deps.store.revokeApiKey(id, scope, WRITE);
    if (!key) throw new ApiError('not_found', 'There is no such API key.');
    res.status(204).end();
  };

  const router = Router();
  router
    .route(PATH)
    .get(list)
    .post(deps.jsonBody, create)
    .all(answerMethodNotAllowed('GET', 'HEAD', 'POST'));
  router.route(`${PATH}/:id`).delete(revoke).all(answerMethodNotAllowed('DELETE'));
  return router;
}

/** Of the user who is named, who may be another one only to an admin. @throws ApiError forbidden */
function scopeOf({ scope }: Caller, asked: string | null | undefined): CallerScope {
  if (asked == null) return scope;
  if (!scope.admin && asked !== scope.userId) {
    throw new ApiError('forbidden', 'The API keys of other users are for admins.');
  }
  return { userId: asked };
}

/** What is shown of a key; its secret only by the answer that makes it. */
function toKeyRecord(key: ApiKey): ApiKeyRecord {
  return {
    id: key.id,
    user_id: key.user_id,
    name: key.name,
    hint: key.hint,
    created_at: toRfc3339(key.created_at),
    last_used_at: toRfc3339(key.last_used_at),
  };
}

function explainRefusal(error: unknown, { scope }: Caller): unknown {
  if (!(error instanceof RpcError)) return error;
  if (error.code === LIMIT_REACHED) {
    return validationFailed([
      { pointer: '', code: 'too_many', detail: 'The user has as many API keys as one may have. Revoke one.' },
    ]);
  }
  if (error.code === USER_IS_GONE && scope.admin) {
    return validationFailed([{ pointer: '/user_id', code: 'unknown', detail: 'There is no such user.' }]);
  }
  if (error.code === USER_IS_GONE) return unauthorized('The user of this token is gone.', error);
  return error;
}
