import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { prepareSupabaseDatabase } from '../../src/local/supabase-schema.ts';
import { createTestDatabase } from './postgres.ts';

export const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));

/** A database that no migration has touched; with `supabase`, as hosted Supabase hands it over. */
export async function openBareDatabase({ supabase = true } = {}) {
  const database = await createTestDatabase({ migrated: false });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  if (supabase) await prepareSupabaseDatabase(client);
  return {
    url: database.url,
    client,
    async [Symbol.asyncDispose]() {
      await client.end();
      await database.drop();
    },
  };
}

/** A folder of migrations that one test makes up. */
export async function makeFolder(files: Record<string, string>) {
  const path = await mkdtemp(join(tmpdir(), 'darkroom-migrations-'));
  const write = async (more: Record<string, string>): Promise<void> => {
    for (const [name, sql] of Object.entries(more)) await writeFile(join(path, name), sql);
  };
  await write(files);
  return { path, write, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** Everything that migrations make in a database, as sorted lines; two equal answers are two equal schemas. */
export async function describeSchema(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(`
    with relation as (
      select c.oid, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl, c.relowner
      from pg_class c where c.relnamespace = 'public'::regnamespace
    ),
    routine as (select * from pg_proc where pronamespace = 'public'::regnamespace)
    select concat_ws(' ', 'relation', relname, relkind, relrowsecurity, relforcerowsecurity) as line from relation
    union all
    select concat_ws(' ', 'column', r.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
      a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(r.oid, a.attnum))
    from relation r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0
    left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
    union all
    select concat_ws(' ', 'constraint', conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid))
    from pg_constraint where connamespace = 'public'::regnamespace
    union all
    select concat_ws(' ', 'index', pg_get_indexdef(indexrelid), indisvalid)
    from pg_index where indrelid in (select oid from relation)
    union all
    select concat_ws(' ', 'function', pg_get_functiondef(oid)) from routine
    union all
    select concat_ws(' ', 'trigger', pg_get_triggerdef(oid), tgenabled)
    from pg_trigger where tgrelid in (select oid from relation) and not tgisinternal
    union all
    select concat_ws(' ', 'policy', polrelid::regclass, polname, polcmd, polpermissive, polroles::text,
      pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) from pg_policy
    union all
    select concat_ws(' ', 'grant', r.relname, a.grantee::regrole, a.privilege_type, a.is_grantable)
    from relation r, aclexplode(coalesce(r.relacl, acldefault('r', r.relowner))) a
    union all
    select concat_ws(' ', 'grant', p.oid::regprocedure, a.grantee::regrole, a.privilege_type, a.is_grantable)
    from routine p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    union all
    select concat_ws(' ', 'publication', pubname, schemaname, tablename) from pg_publication_tables
    order by 1`);
  return rows.map((row) => row.line);
}

/** All rows of all tables in public, as text. */
export async function describeRows(client: pg.Client): Promise<Record<string, unknown[]>> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`,
  );
  const found: Record<string, unknown[]> = {};
  for (const { name } of tables) {
    const { rows } = await client.query<{ row: unknown }>(
      `select to_jsonb(t) as row from public.${name} t order by to_jsonb(t)::text`,
    );
    found[name] = rows.map(({ row }) => row);
  }
  return found;
}
