/**
 * `script/test supabase`: the contract on the Supabase that the environment names. It makes functions, tables and buckets of
 * its own and removes them again; nothing else there is touched.
 */
import { z } from 'zod';
import { runTests } from '../support/run-tests.ts';
import { createStopSignal } from '../support/stop-signal.ts';
import { writeGivenSupabase } from '../support/test-environment.ts';
import { selectForSupabase } from './selection.ts';

const environment = z
  .object({
    SUPABASE_URL: z.url(),
    SUPABASE_ANON_KEY: z.string().min(1),
    SUPABASE_SERVICE_ROLE_KEY: z.string().min(1),
    SUPABASE_JWT_SECRET: z.string().min(32),
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  })
  .safeParse(process.env);
if (!environment.success) {
  process.stderr.write(`${z.prettifyError(environment.error)}\n`);
  process.exit(2);
}
const { data } = environment;
process.env.TEST_SUPABASE = writeGivenSupabase({
  url: data.SUPABASE_URL.replace(/\/$/, ''),
  anonKey: data.SUPABASE_ANON_KEY,
  serviceRoleKey: data.SUPABASE_SERVICE_ROLE_KEY,
  jwtSecret: data.SUPABASE_JWT_SECRET,
  databaseUrl: data.DATABASE_URL,
});
const signal = createStopSignal();
const { selection, leftOut } = selectForSupabase(['test/contract']);
for (const [file, reason] of leftOut) process.stdout.write(`left out: ${file}, which ${reason}\n`);
process.exitCode = await runTests(selection, { concurrency: 1, signal });
