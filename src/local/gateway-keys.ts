import { createHmac } from 'node:crypto';
import { SignJWT } from 'jose';

const issuedAt = Date.UTC(2025, 0, 1) / 1000;
const expiresAt = Date.UTC(2045, 0, 1) / 1000;

/** The two API keys of a Supabase project. */
export interface SupabaseKeys {
  anonKey: string;
  serviceRoleKey: string;
}

/**
 * Signs the keys of a local project as Supabase's legacy API keys are: long-lived HS256 tokens that name a role.
 * The dates are fixed, so one secret always gives the same keys and a stack that was started before keeps its own.
 */
export async function createSupabaseKeys(jwtSecret: string): Promise<SupabaseKeys> {
  const secret = new TextEncoder().encode(jwtSecret);
  const sign = (role: string) =>
    new SignJWT({ iss: 'supabase', role, iat: issuedAt, exp: expiresAt })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .sign(secret);
  const [anonKey, serviceRoleKey] = await Promise.all([sign('anon'), sign('service_role')]);
  return { anonKey, serviceRoleKey };
}

/** What an admin of the local stack signs in with; also the same at every start. */
export const createAdminToken = (jwtSecret: string): string =>
  createHmac('sha256', jwtSecret).update('darkroom admin').digest('hex');
