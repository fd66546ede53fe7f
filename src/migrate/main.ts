import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { loadConfig } from '../shared/config.ts';
import { migrate } from './migrate.ts';

const config = loadConfig(
  z.object({ DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }) }),
  process.env,
);

try {
  const applied = await migrate({
    databaseUrl: config.DATABASE_URL,
    migrationsDir: fileURLToPath(new URL('../../migrations', import.meta.url)),
    onApplied: (name) => process.stdout.write(`applied ${name}\n`),
  });
  if (applied.length === 0) process.stdout.write('the database is up to date\n');
} catch (error) {
  process.stderr.write(`migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
