import { createSecretKey } from 'node:crypto';
import { type JWTPayload, jwtVerify } from 'jose';

/** Checks signature and dates of a token; throws jose's error when it is not to be trusted. */
export type VerifyToken = (token: string, options: { toleranceSeconds: number }) => Promise<JWTPayload>;

const keptTokens = 1000;

/**
 * Tokens are HS256 only, signed with the project's secret: nothing else, `none` least of all, is accepted. A token that
 * was good stays good until it expires and is not verified again: callers send the same few thousands of times.
 */
export function createTokenVerifier(jwtSecret: string): VerifyToken {
  const key = createSecretKey(Buffer.from(jwtSecret));
  const kept = new Map<string, JWTPayload>();
  return async (token, { toleranceSeconds }) => {
    const known = kept.get(token);
    if (known && isInItsTime(known)) return known;
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['HS256'],
      clockTolerance: toleranceSeconds,
    });
    if (kept.size >= keptTokens) kept.clear();
    kept.set(token, payload);
    return payload;
  };
}

/** Strictly, so that what one caller tolerated is decided anew for the next. */
function isInItsTime({ exp, nbf }: JWTPayload): boolean {
  const now = Date.now() / 1000;
  return (exp === undefined || exp > now) && (nbf === undefined || nbf <= now);
}

/** The token of an Authorization header; undefined when there is none, which makes the caller anon. */
export function readBearerToken(authorization: string | undefined): string | undefined {
  return /^bearer(?:\s+(.*))?$/i.exec(authorization ?? '')?.[1]?.trim() ?? undefined;
}
