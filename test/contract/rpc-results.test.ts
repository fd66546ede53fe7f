import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ContractTarget, startContractTarget } from '../support/contract-target.ts';

let target: ContractTarget;
before(async () => {
  target = await startContractTarget();
});
after(() => target.close());

/** Makes a function out of its head and body and answers its name. */
async function defineFunction(
  word: string,
  signature: string,
  body: string,
  options = 'language sql',
): Promise<string> {
  const name = target.name(word);
  await target.define(`create function public.${name}${signature} ${options} as $body$ ${body} $body$`);
  return name;
}

describe('the result of a function call', () => {
  const results: [sentence: string, signature: string, body: string, status: number, text: string][] = [
    ['void is 204 without a body', '() returns void', 'select null', 204, ''],
    ['a number is bare JSON', '() returns integer', 'select 42', 200, '42'],
    ['a text is a JSON string', '() returns text', `select 'a "b"'`, 200, '"a \\"b\\""'],
    ['SQL null is 200 and null', '() returns text', 'select null::text', 200, 'null'],
    [
      'jsonb has the spacing of PostgreSQL',
      '() returns jsonb',
      `select '{"b":[1,2],"a":null}'::jsonb`,
      200,
      '{"a": null, "b": [1, 2]}',
    ],
    ['an array is a JSON array', '() returns integer[]', 'select array[1, 2]', 200, '[1,2]'],
    ['a set of scalars is a flat array', '() returns setof integer', 'values (1), (2)', 200, '[1, 2]'],
    ['an empty set is an empty array', '() returns setof integer', 'select 1 where false', 200, '[]'],
    [
      'rows are objects separated by comma, space, newline, space',
      '() returns table (id integer, word text)',
      `values (1, 'one'), (2, null)`,
      200,
      '[{"id":1,"word":"one"}, \n {"id":2,"word":null}]',
    ],
    [
      'a table without rows is an empty array',
      '() returns table (id integer)',
      'select 1 where false',
      200,
      '[]',
    ],
    [
      'OUT parameters are one object',
      '(out id integer, out word text)',
      `select 1, 'one'`,
      200,
      '{"id":1,"word":"one"}',
    ],
    ['a single OUT parameter is an object too', '(out id integer)', 'select 7', 200, '{"id":7}'],
    [
      'a timestamp has microseconds and +00:00',
      '() returns timestamptz',
      `select '2026-01-02 03:04:05.123456Z'::timestamptz`,
      200,
      '"2026-01-02T03:04:05.123456+00:00"',
    ],
    [
      'bigint and numeric are bare numbers',
      '() returns table (big bigint, exact numeric)',
      'values (9007199254740993, 1.50)',
      200,
      '[{"big":9007199254740993,"exact":1.50}]',
    ],
  ];
  for (const [index, [sentence, signature, body, status, text]] of results.entries()) {
    it(sentence, async () => {
      const name = await defineFunction(`result_${index}`, signature, body);
      const answer = await target.call(name);
      assert.deepEqual({ status: answer.status, text: answer.text }, { status, text });
      if (status === 200) {
        assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8');
      }
    });
  }

  it('a composite that is null is one row of nulls, a set of them no row', async () => {
    const type = target.name('pair');
    await target.define(`create type public.${type} as (id integer, word text)`);
    const one = await defineFunction('null_pair', `() returns ${type}`, `select null::${type}`);
    const none = await defineFunction('no_pairs', `() returns setof ${type}`, `select 1, 'a' where false`);
    assert.equal((await target.call(one)).text, '{"id":null,"word":null}');
    assert.equal((await target.call(none)).text, '[]');
  });

  it('may be read by pages of any origin, and says so once', async () => {
    const name = await defineFunction('origin', '() returns integer', 'select 1');
    const answer = await target.call(name, {}, { headers: { origin: 'http://page.test' } });
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  });

  it('stops silently after 1000 rows', async () => {
    const scalars = await defineFunction(
      'many',
      '() returns setof integer',
      'select generate_series(1, 1001)',
    );
    const rows = await defineFunction(
      'many_rows',
      '() returns table (n integer)',
      'select generate_series(1, 1001)',
    );
    const flat = await target.service.rpc(scalars);
    const objects = await target.service.rpc(rows);
    assert.deepEqual([flat.status, flat.data.length], [200, 1000]);
    assert.deepEqual([objects.status, objects.data.length], [200, 1000]);
  });

  it('is one object under .single() and 406 PGRST116 for any other number of rows, undone', async () => {
    const table = target.name('singles');
    await target.define(`create table public.${table} (n integer)`);
    const name = await defineFunction(
      'insert_some',
      '(how_many integer) returns table (n integer)',
      `insert into public.${table} select generate_series(1, how_many) returning n`,
    );
    const one = await target.service.rpc(name, { how_many: 1 }).single();
    const two = await target.service.rpc(name, { how_many: 2 }).single();
    const none = await target.service.rpc(name, { how_many: 0 }).maybeSingle();
    assert.deepEqual(one.data, { n: 1 });
    assert.deepEqual(
      [two.status, two.error?.code, two.error?.details],
      [406, 'PGRST116', 'The result contains 2 rows'],
    );
    assert.deepEqual([none.data, none.error], [null, null]);
    const { rows } = await target.admin.query(`select count(*)::integer as n from public.${table}`);
    assert.deepEqual(rows, [{ n: 1 }]);
  });
});

describe('the arguments of a function call', () => {
  it('are cast to their declared types, arrays and JSON included', async () => {
    const name = await defineFunction(
      'describe',
      '(a uuid, b integer[], c jsonb, d timestamptz, e text[], f boolean, g numeric, h json) returns jsonb',
      'select jsonb_build_array(a, b, c, d, e, f, g, h)',
    );
    const id = '018f0000-0000-7000-8000-000000000001';
    const { data, error } = await target.service.rpc(name, {
      a: id,
      b: [1, 2],
      c: { k: [null, 'é"\\'] },
      d: '2026-01-02T03:04:05Z',
      e: ['x,y', '{}'],
      f: true,
      g: 1.5,
      h: [1],
    });
    assert.equal(error, null);
    assert.deepEqual(data, [
      id,
      [1, 2],
      { k: [null, 'é"\\'] },
      '2026-01-02T03:04:05+00:00',
      ['x,y', '{}'],
      true,
      1.5,
      [1],
    ]);
  });

  it('may be left out where there is a default, and null is null', async () => {
    const name = await defineFunction(
      'defaults',
      `(a text, b text default 'dear', c jsonb default '{}') returns jsonb`,
      'select jsonb_build_array(a, b, c)',
    );
    assert.equal((await target.call(name, { a: 'x' })).text, '["x", "dear", {}]');
    assert.equal((await target.call(name, { a: null, b: null, c: null })).text, '[null, null, null]');
  });

  it('choose between overloads by their names', async () => {
    const name = await defineFunction('overload', '(a integer) returns text', `select 'a'`);
    await defineFunction('overload', '(b text) returns text', `select 'b'`);
    assert.equal((await target.call(name, { b: 1 })).text, '"b"');
  });

  it('come from the query of a GET, where a write is refused with 405', async () => {
    const table = target.name('written');
    await target.define(`create table public.${table} (n integer)`);
    const read = await defineFunction(
      'read',
      '(a integer, b integer[]) returns jsonb',
      'select jsonb_build_array(a, b)',
    );
    const write = await defineFunction('write', '() returns void', `insert into public.${table} values (1)`);
    const read1 = await target.service.rpc(read, { a: 1, b: [2, 3] }, { get: true });
    const written = await target.service.rpc(write, {}, { get: true });
    assert.deepEqual(read1.data, [1, [2, 3]]);
    assert.deepEqual([written.status, written.error?.code], [405, '25006']);
  });

  it('hold a megabyte', async () => {
    const name = await defineFunction('measure', '(words text) returns integer', 'select length(words)');
    const { data } = await target.service.rpc(name, { words: "it's \\ long ".repeat(100_000) });
    assert.equal(data, 1_200_000);
  });
});
