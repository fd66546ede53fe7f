import { randomBytes } from 'node:crypto';
import { type Request, type RequestHandler, type Response, Router } from 'express';
import { v7 as uuidv7 } from 'uuid';
import type { ApiKey } from '../shared/api-key-store.ts';
import type { Store } from '../shared/store.ts';
import { ApiError } from './api-error.ts';
import { type ApiKeyRecord, apiKeyRequest, apiKeyRequestOfAdmin, apiKeysQuery } from './api-key-schema.ts';
import type { IdentifyCaller } from './caller.ts';
import { hashOfSecret } from './find-api-key.ts';
import { explainOwnerRefusal, identifyOwner, scopeOfOwner, type Things } from './owned-by-user.ts';
import { readPathId } from './path-id.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { toRfc3339 } from './record.ts';
import { parseQuery, readBody, validationFailed } from './validation.ts';

const PATH = '/ai/api-keys';
const SECRET_BYTES = 32;
const HINT_LENGTH = 4;
const WRITE = { repeatForMs: 5_000 };
const READ = { repeatForMs: 2_000 };
const KEYS: Things = {
  plural: 'API keys',
  tooMany: 'The user has as many API keys as one may have. Revoke one.',
};

/**
 * `GET` and `POST /ai/api-keys`, `DELETE /ai/api-keys/{id}`: keys that scripts sign in with, as their user.
 * Users have their own; an admin sees, makes and revokes everybody's.
 */
export function createApiKeysRoute(deps: {
  store: Pick<Store, 'createApiKey' | 'listApiKeys' | 'revokeApiKey'>;
  identify: IdentifyCaller;
  jsonBody: RequestHandler;
}): Router {
  const create = async (req: Request, res: Response): Promise<void> => {
    const caller = await identifyOwner(deps.identify, req, KEYS);
    const { data, errors } = readBody(caller.scope.admin ? apiKeyRequestOfAdmin : apiKeyRequest, req.body);
    if (!data) throw validationFailed(errors);
    const { userId } = scopeOfOwner(caller, data.user_id, KEYS);
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
        throw explainOwnerRefusal(error, caller, KEYS);
      });
    if (!key) throw new Error('create_api_key answered no key');
    res.set('Cache-Control', 'no-store');
    res.status(201).json({ ...toKeyRecord(key), secret });
  };

  const list = async (req: Request, res: Response): Promise<void> => {
    const caller = await identifyOwner(deps.identify, req, KEYS);
    const { user_id: userId } = parseQuery(apiKeysQuery, req.query);
    const keys = await deps.store.listApiKeys(scopeOfOwner(caller, userId, KEYS), { limit: 1_000 }, READ);
    res.set('Cache-Control', 'no-store').json({ items: keys.map(toKeyRecord) });
  };

  const revoke = async (req: Request<{ id: string }>, res: Response): Promise<void> => {
    const { scope } = await identifyOwner(deps.identify, req, KEYS);
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
