import { accessDenied, invalidRequest } from './storage-error.ts';
import { readBearerToken, type VerifyToken } from './token-verifier.ts';

/** The role of whoever calls the Storage API. There are no policies here: service_role may do all, others nothing. */
export interface StorageCaller {
  role: string;
  /** False without a token that holds; such a caller does not even learn which private buckets exist. */
  authenticated: boolean;
}

/** For calls that need a token: without the header the request is malformed, with a bad one it is refused. */
export async function requireStorageCaller(
  authorization: string | undefined,
  verifyToken: VerifyToken,
): Promise<StorageCaller> {
  if (authorization === undefined)
    throw invalidRequest("headers must have required property 'authorization'");
  const token = readBearerToken(authorization) ?? authorization;
  const claims = await verifyToken(token, { toleranceSeconds: 0 }).catch((error: unknown) => {
    throw accessDenied(error instanceof Error ? error.message : 'Invalid JWT');
  });
  return { role: typeof claims.role === 'string' ? claims.role : 'anon', authenticated: true };
}

/** For downloads, which public buckets allow to anybody: a missing or bad token only makes the caller a stranger. */
export async function optionalStorageCaller(
  authorization: string | undefined,
  verifyToken: VerifyToken,
): Promise<StorageCaller> {
  return requireStorageCaller(authorization, verifyToken).catch(() => ({
    role: 'anon',
    authenticated: false,
  }));
}

/** Whether row level security lets this caller see and change what is stored. */
export function bypassesRowSecurity({ role }: StorageCaller): boolean {
  return role === 'service_role';
}
