import { randomBytes } from 'node:crypto';
import { type Request, type RequestHandler, type Response, Router } from 'express';
import { v7 as uuidv7 } from 'uuid';
import type { Store } from '../shared/store.ts';
import type { WebhookSealing } from '../shared/webhook-sealing.ts';
import type { WebhookSecret } from '../shared/webhook-store.ts';
import { ApiError } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';
import { createOptionalBody } from './optional-body.ts';
import { explainOwnerRefusal, identifyOwner, scopeOfOwner, type Things } from './owned-by-user.ts';
import { readPathId } from './path-id.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { toRfc3339 } from './record.ts';
import { parseQuery, readBody, validationFailed } from './validation.ts';
import {
  type NewWebhookSecret,
  type WebhookSecretRecord,
  webhookSecretRequest,
  webhookSecretRequestOfAdmin,
  webhookSecretsQuery,
} from './webhook-schemas.ts';

const PATH = '/ai/webhook-secrets';
/** Between 24 and 64, as Standard Webhooks has it; a multiple of three, so that base64 needs no padding. */
const SECRET_BYTES = 36;
const HINT_LENGTH = 4;
const WRITE = { repeatForMs: 5_000 };
const READ = { repeatForMs: 2_000 };
const SECRETS: Things = {
  plural: 'webhook secrets',
  tooMany: 'The user has two webhook secrets, which is for the time of a rotation. Delete one.',
};

/**
 * `GET` and `POST /ai/webhook-secrets`, `DELETE /ai/webhook-secrets/{id}`: what webhooks are signed with. Users have their own;
 * an admin sees, makes and deletes everybody's.
 */
export function createWebhookSecretsRoute(deps: {
  store: Pick<Store, 'createWebhookSecret' | 'listWebhookSecrets' | 'deleteWebhookSecret'>;
  /** Null when the deployment has no key: then nobody can have a secret. */
  webhookSealing: WebhookSealing | null;
  identify: IdentifyCaller;
  jsonBody: RequestHandler;
}): Router {
  const create = async (req: Request, res: Response): Promise<void> => {
    const caller = await identifyOwner(deps.identify, req, SECRETS);
    const { data, errors } = readBody(
      caller.scope.admin ? webhookSecretRequestOfAdmin : webhookSecretRequest,
      req.body,
    );
    if (!data) throw validationFailed(errors);
    const { userId } = scopeOfOwner(caller, data.user_id, SECRETS);
    if (userId === null) throw new Error('a webhook secret without a user');
    if (!deps.webhookSealing) throw notSent();
    const { webhookSealing: sealing } = deps;
    const id = uuidv7();
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    const sealed = sealing.seal(secret, { id, user_id: userId });
    const made = await deps.store
      .createWebhookSecret(
        { id, userId, hint: secret.slice(-HINT_LENGTH), sealed, keyId: sealing.keyId },
        WRITE,
      )
      .catch((error: unknown) => {
        throw explainOwnerRefusal(error, caller, SECRETS);
      });
    if (!made) throw new Error('create_webhook_secret answered no secret');
    res.set('Cache-Control', 'no-store');
    res.status(201).json({ ...toSecretRecord(made), secret } satisfies NewWebhookSecret);
  };

  const list = async (req: Request, res: Response): Promise<void> => {
    const caller = await identifyOwner(deps.identify, req, SECRETS);
    const { user_id: userId } = parseQuery(webhookSecretsQuery, req.query);
    const secrets = await deps.store.listWebhookSecrets(scopeOfOwner(caller, userId, SECRETS), READ);
    res.set('Cache-Control', 'no-store').json({ items: secrets.map(toSecretRecord) });
  };

  const remove = async (req: Request<{ id: string }>, res: Response): Promise<void> => {
    const { scope } = await identifyOwner(deps.identify, req, SECRETS);
    const id = readPathId(req, 'There is no such webhook secret.');
    const secret = await deps.store.deleteWebhookSecret(id, scope, WRITE);
    if (!secret) throw new ApiError('not_found', 'There is no such webhook secret.');
    res.status(204).end();
  };

  const router = Router();
  router
    .route(PATH)
    .get(list)
    .post(createOptionalBody(deps.jsonBody), create)
    .all(answerMethodNotAllowed('GET', 'HEAD', 'POST'));
  router.route(`${PATH}/:id`).delete(remove).all(answerMethodNotAllowed('DELETE'));
  return router;
}

const notSent = () =>
  validationFailed([
    {
      pointer: '',
      code: 'unsupported',
      detail: 'This deployment sends no webhooks: its WEBHOOK_ENCRYPTION_KEY is not set.',
    },
  ]);

const toSecretRecord = (secret: WebhookSecret): WebhookSecretRecord => ({
  id: secret.id,
  user_id: secret.user_id,
  hint: secret.hint,
  created_at: toRfc3339(secret.created_at),
});
