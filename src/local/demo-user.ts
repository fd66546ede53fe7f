import { SignJWT } from 'jose';
import pg from 'pg';
import type { Stack } from './stack.ts';

/** The one user of the demo, always the same, so that their datasets and images are there the next time. */
const USER_ID = '0198c0ff-ee00-7000-8000-000000000001';
/** Each start gives a new token. */
const VALID_FOR = '30d';

/** Puts the demo's user in place and answers an access token of theirs, as Supabase would sign it. */
export async function signInDemoUser(stack: Stack): Promise<string> {
  const database = new pg.Client({ connectionString: stack.databaseUrl });
  await database.connect();
  try {
    await database.query('insert into auth.users (id, email) values ($1, $2) on conflict do nothing', [
      USER_ID,
      'demo@example.com',
    ]);
  } finally {
    await database.end();
  }
  return new SignJWT({ role: 'authenticated' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(USER_ID)
    .setAudience('authenticated')
    .setIssuer(`${stack.supabaseUrl}/auth/v1`)
    .setIssuedAt()
    .setExpirationTime(VALID_FOR)
    .sign(new TextEncoder().encode(stack.jwtSecret));
}
