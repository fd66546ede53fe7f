import { errors, type JWTPayload } from 'jose';
import { RpcError } from './rpc-error.ts';
import { readBearerToken, type VerifyToken } from './token-verifier.ts';

/** Who calls: the role that the database shall act as, and the claims that it can read. */
export interface RpcCaller {
  role: string;
  claims: JWTPayload & { role: string };
}

const clockSkewSeconds = 30;

/** Answers PGRST301 for a token that is not ours and PGRST303 for one out of its time; no token is role anon. */
export async function identifyCaller(
  authorization: string | undefined,
  verifyToken: VerifyToken,
): Promise<RpcCaller> {
  const token = readBearerToken(authorization);
  if (token === undefined) return { role: 'anon', claims: { role: 'anon' } };
  if (token === '') throw refused('PGRST301', 'Empty JWT is sent in Authorization header');
  const parts = token.split('.').length;
  if (parts !== 3) throw refused('PGRST301', `Expected 3 parts in JWT; got ${parts}`);
  const claims = await verifyToken(token, { toleranceSeconds: clockSkewSeconds }).catch((error: unknown) => {
    throw explainRefusal(error);
  });
  if (claims.iat !== undefined && claims.iat > Date.now() / 1000 + clockSkewSeconds) {
    throw refused('PGRST303', 'JWT issued at future');
  }
  const role = typeof claims.role === 'string' ? claims.role : 'anon';
  return { role, claims: { ...claims, role } };
}

function explainRefusal(error: unknown): RpcError {
  if (error instanceof errors.JWTExpired) return refused('PGRST303', 'JWT expired');
  if (error instanceof errors.JWTClaimValidationFailed) {
    return refused('PGRST303', error.reason === 'invalid' ? 'Parsing claims failed' : 'JWT not yet valid');
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return refused('PGRST301', 'Wrong or unsupported encoding algorithm');
  }
  const details = 'None of the keys was able to decode the JWT';
  return refused('PGRST301', 'No suitable key or wrong key type', details);
}

function refused(code: string, message: string, details: string | null = null): RpcError {
  const challenge = `Bearer error="invalid_token", error_description=${JSON.stringify(message)}`;
  return new RpcError({ status: 401, code, message, details, headers: { 'www-authenticate': challenge } });
}
