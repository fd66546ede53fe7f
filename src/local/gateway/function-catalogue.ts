import type { Database } from './database.ts';
import { databaseUnreachable, RpcError } from './rpc-error.ts';

/** A function in schema `public`, as far as a call needs to know it. */
export interface CatalogueFunction {
  name: string;
  arguments: { name: string; type: string; required: boolean }[];
  returns: 'void' | 'scalar' | 'composite';
  returnsSet: boolean;
  volatile: boolean;
  /** `set statement_timeout` on the function: it must hold before the call starts, so the caller sets it. */
  statementTimeout: string | null;
}

/** What one reading of the database's catalogue found. */
export interface Catalogue {
  /** By name; overloads share one. */
  functions: Map<string, CatalogueFunction[]>;
  /** Timeouts by role, as set by `alter role`. */
  roleSettings: Map<string, Record<string, string>>;
}

/** The functions that can be called, read once and kept until something says that they changed. */
export interface FunctionCatalogue {
  current(): Promise<Catalogue>;
  /** Reads anew, for a caller who knows that the kept one is too old. */
  reload(): Promise<Catalogue>;
  /** The next `current()` reads anew. */
  invalidate(): void;
}

/** Rejects with PGRST002 or PGRST003 when the database cannot be asked; a failed reading is not kept. */
export function createFunctionCatalogue(database: Database): FunctionCatalogue {
  let kept: Promise<Catalogue> | undefined;
  const forget = (reading: Promise<Catalogue>) => {
    if (kept === reading) kept = undefined;
  };
  const reload = () => {
    const reading = readCatalogue(database);
    kept = reading;
    reading.catch(() => forget(reading));
    return reading;
  };
  return {
    current: () => kept ?? reload(),
    reload,
    invalidate: () => {
      kept = undefined;
    },
  };
}

// An empty search path makes format_type() write every type of a schema but pg_catalog with its schema.
const readStatement = `
set local search_path = '';
select p.proname as name,
       p.proretset as "returnsSet",
       p.provolatile = 'v' as volatile,
       case
         when p.prorettype = 'void'::regtype then 'void'
         when t.typtype = 'c' or p.prorettype = 'record'::regtype
           or coalesce(p.proargmodes && '{o,b,t}'::"char"[], false) then 'composite'
         else 'scalar'
       end as returns,
       (select split_part(setting, '=', 2) from unnest(p.proconfig) as setting
         where setting like 'statement_timeout=%') as "statementTimeout",
       coalesce((
         select json_agg(json_build_object(
                  'name', coalesce(inputs.names[position], ''),
                  'type', format_type(p.proargtypes[position - 1], null),
                  'required', position <= p.pronargs - p.pronargdefaults) order by position)
           from generate_series(1, p.pronargs::integer) as position), '[]') as arguments
  from pg_proc p
  join pg_type t on t.oid = p.prorettype
 cross join lateral (
   select array(
     select name from unnest(p.proargnames, p.proargmodes) with ordinality as a(name, mode, position)
      where coalesce(mode, 'i') in ('i', 'b', 'v') order by position) as names
 ) as inputs
 where p.pronamespace = 'public'::regnamespace
   and p.prokind = 'f'
   and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype);
select rolname as role, split_part(setting, '=', 1) as name, split_part(setting, '=', 2) as value
  from pg_roles, unnest(rolconfig) as setting
 where split_part(setting, '=', 1) in ('statement_timeout', 'lock_timeout')`;

async function readCatalogue(database: Database): Promise<Catalogue> {
  const results = await database
    .withConnection((connection) => connection.query(readStatement))
    .catch((error: unknown) => {
      throw error instanceof RpcError ? error : databaseUnreachable(error);
    });
  // Several statements in one message come back as several results, which the types do not know.
  const [, functionRows, settingRows] = results as unknown as [
    unknown,
    { rows: CatalogueFunction[] },
    { rows: { role: string; name: string; value: string }[] },
  ];
  const roleSettings = new Map<string, Record<string, string>>();
  for (const { role, name, value } of settingRows.rows) {
    roleSettings.set(role, { ...roleSettings.get(role), [name]: value });
  }
  return { functions: Map.groupBy(functionRows.rows, (row) => row.name), roleSettings };
}
