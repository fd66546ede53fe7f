import type { Request } from 'express';
import { ApiError, unauthorized } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';

/** Lets admins pass. @throws ApiError unauthorized for nobody in particular, forbidden for users and their keys */
export type RequireAdmin = (req: Request) => Promise<void>;

export function createRequireAdmin(deps: { identify: IdentifyCaller }): RequireAdmin {
  return async (req) => {
    const { kind } = await deps.identify(req);
    if (kind === 'anonymous') throw unauthorized('This is for admins.');
    if (kind !== 'admin') throw new ApiError('forbidden', 'This is for admins.');
  };
}

/** Who did it, for the log. Admins share their secrets, so an address and the request have to do. */
export const actorOf = (req: Request) => ({ request_id: req.id, address: req.ip });
