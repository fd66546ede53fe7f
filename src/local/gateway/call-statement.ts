import { escapeIdentifier, escapeLiteral } from 'pg';
import type { CatalogueFunction } from './function-catalogue.ts';
import { argumentNames, type CallArguments } from './rpc-arguments.ts';
import { RpcError } from './rpc-error.ts';

const maximumRows = 1000;

/** Settings for one transaction, as PostgREST makes them before a call; functions read them by current_setting(). */
export function settingsStatement(settings: Record<string, string>): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `set_config(${quote(name)}, ${quote(value)}, true)`,
  );
  return `select ${calls.join(', ')}`;
}

/**
 * One statement that calls the function and lets PostgreSQL write the answer: one row of `body` (JSON text) and `rows`.
 * Casts are json_to_record's for a POST and those of literals for a GET. `single` makes a set's first row the body.
 */
export function callStatement(
  called: CatalogueFunction,
  given: CallArguments,
  { single }: { single: boolean },
): string {
  const source = callSource(called, given);
  if (called.returns === 'void') return `select null as body, 1 as rows from ${source} as r`;
  if (!called.returnsSet) {
    return called.returns === 'scalar'
      ? `select coalesce(to_json(r.value)::text, 'null') as body, 1 as rows from ${source} as r(value)`
      : `select to_json(t)::text as body, 1 as rows from (select r.* from ${source} as r) as t`;
  }
  const [column, row] = called.returns === 'scalar' ? ['r(value)', 't.value'] : ['r', 't'];
  const body = single ? `(json_agg(${row})->0)::text` : `coalesce(json_agg(${row})::text, '[]')`;
  return `select ${body} as body, count(*)::integer as rows from (select r.* from ${source} as ${column} limit ${maximumRows}) as t`;
}

function callSource(called: CatalogueFunction, given: CallArguments): string {
  const names = argumentNames(given);
  const typed = called.arguments.filter(({ name }) => names.includes(name));
  const passed = typed.map(({ name }) => `${escapeIdentifier(name)} := arguments.${escapeIdentifier(name)}`);
  const call = `public.${escapeIdentifier(called.name)}(${passed.join(', ')})`;
  return typed.length === 0 ? call : `${argumentSource(typed, given)}, lateral ${call}`;
}

function argumentSource(typed: CatalogueFunction['arguments'], given: CallArguments): string {
  if ('json' in given) {
    const columns = typed.map(({ name, type }) => `${escapeIdentifier(name)} ${type}`);
    return `json_to_record(${quote(given.json)}::json) as arguments(${columns.join(', ')})`;
  }
  const columns = typed.map(
    ({ name, type }) => `${quote(given.words.get(name) ?? '')}::${type} as ${escapeIdentifier(name)}`,
  );
  return `(select ${columns.join(', ')}) as arguments`;
}

function quote(text: string): string {
  // A NUL would end the message in the middle; PostgreSQL refuses it in any text, so refuse it in the same words.
  if (text.includes('\0')) {
    const message = 'invalid byte sequence for encoding "UTF8": 0x00';
    throw new RpcError({ status: 400, code: '22021', message });
  }
  return escapeLiteral(text);
}
