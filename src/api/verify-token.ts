import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import { ApiError, unauthorized } from './api-error.ts';

/** Answers the user's id. @throws ApiError unauthorized, or temporarily_unavailable when the keys cannot be fetched */
export type VerifyToken = (token: string) => Promise<string>;

const ASYMMETRIC = ['ES256', 'RS256', 'EdDSA'];
/** One user is one, however a token writes the id: it decides whose turn it is, and is compared. */
const claimsSchema = z.object({ sub: z.guid().toLowerCase(), role: z.literal('authenticated') });

/**
 * Checks a Supabase access token: signature (HS256 by the project's shared secret, or a key of its JWKS), time, issuer,
 * audience and role. Which of the two ways is open follows from the configuration, never from the token alone.
 */
export function createVerifyToken(options: {
  issuer: string;
  secret: string | undefined;
  jwksUrl: string | undefined;
}): VerifyToken {
  const secret = options.secret ? new TextEncoder().encode(options.secret) : null;
  const jwks = options.jwksUrl
    ? createRemoteJWKSet(new URL(options.jwksUrl), { timeoutDuration: 5_000 })
    : null;
  const expected = {
    issuer: options.issuer,
    audience: 'authenticated',
    requiredClaims: ['exp'],
    clockTolerance: 5,
  };

  const verify = async (token: string): Promise<JWTPayload> => {
    const symmetric = decodeProtectedHeader(token).alg === 'HS256';
    if (symmetric && secret)
      return (await jwtVerify(token, secret, { ...expected, algorithms: ['HS256'] })).payload;
    if (!symmetric && jwks) return verifyWithJwks(token, jwks);
    throw new errors.JOSEAlgNotAllowed('no key for this algorithm');
  };

  const verifyWithJwks = async (token: string, keys: JWTVerifyGetKey): Promise<JWTPayload> =>
    (await jwtVerify(token, keys, { ...expected, algorithms: ASYMMETRIC })).payload;

  return async (token) => {
    try {
      return claimsSchema.parse(await verify(token)).sub;
    } catch (error) {
      if (isOutage(error)) {
        throw new ApiError('temporarily_unavailable', 'The keys to check the token with cannot be fetched.', {
          retryAfterSeconds: 5,
          cause: error,
        });
      }
      throw unauthorized(
        error instanceof errors.JWTExpired ? 'The token has expired.' : 'The token is not valid.',
        error,
      );
    }
  };
}

/** The JWKS endpoint is away, which says nothing about the token. */
function isOutage(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true;
  if (error instanceof TypeError && error.message === 'fetch failed') return true;
  return error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC';
}
