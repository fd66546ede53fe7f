import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ContractTarget, startContractTarget } from '../support/contract-target.ts';

let target: ContractTarget;
before(async () => {
  target = await startContractTarget();
});
after(() => target.close());

async function defineRaise(word: string, statement: string): Promise<string> {
  const name = target.name(word);
  await target.define(
    `create function public.${name}() returns void language plpgsql as $body$ begin ${statement}; end $body$`,
  );
  return name;
}

describe('an error that a function raises', () => {
  it('has code, details, hint and message in that order, and Proxy-Status', async () => {
    const name = await defineRaise('full', `raise 'Words' using detail = 'More', hint = 'Try'`);
    const answer = await target.call(name);
    assert.equal(answer.text, '{"code":"P0001","details":"More","hint":"Try","message":"Words"}');
    assert.equal(answer.headers.get('proxy-status'), 'PostgREST; error=P0001');
    assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8');
  });

  it('has null for details and hint that are not given', async () => {
    const name = await defineRaise('bare', `raise 'Words'`);
    assert.equal(
      (await target.call(name)).text,
      '{"code":"P0001","details":null,"hint":null,"message":"Words"}',
    );
  });

  const statuses: [code: string, status: number][] = [
    ['23502', 400],
    ['23514', 400],
    ['23503', 409],
    ['23505', 409],
    ['22P02', 400],
    ['22012', 400],
    ['42P10', 400],
    ['21000', 500],
    ['42P01', 404],
    ['42883', 404],
    ['42501', 403],
    ['25006', 405],
    ['P0001', 400],
    ['DR001', 400],
    ['P0002', 500],
    ['P0003', 500],
    ['P0004', 500],
    ['08006', 503],
    ['53100', 503],
    ['53300', 503],
    ['53400', 500],
    ['54000', 500],
    ['55000', 500],
    ['55P03', 500],
    ['57014', 500],
    ['57P01', 503],
    ['58030', 500],
    ['XX000', 500],
    ['28000', 403],
    ['0P000', 403],
    ['PT404', 404],
    ['PT409', 409],
    ['PT418', 418],
  ];
  it('has the status that belongs to its SQLSTATE', async () => {
    const name = target.name('raise_code');
    await target.define(
      `create function public.${name}(code text) returns void language plpgsql as $$ begin
         raise exception 'raised' using errcode = code;
       end $$`,
    );
    const answered = [];
    for (const [code] of statuses) {
      const { status, error } = await target.service.rpc(name, { code });
      answered.push([error?.code, status]);
    }
    assert.deepEqual(answered, statuses);
  });

  it('has the message as its status text for PTnnn', async () => {
    const name = await defineRaise('teapot', `raise sqlstate 'PT418' using message = 'Short and stout'`);
    const { status, statusText, text } = await target.call(name);
    assert.deepEqual([status, statusText], [418, 'Short and stout']);
    assert.equal(JSON.parse(text).code, 'PT418');
  });

  it('writes the whole answer itself with SQLSTATE PGRST', async () => {
    const name = await defineRaise(
      'own_answer',
      `raise sqlstate 'PGRST' using
         message = '{"code":"OWN","message":"Own words","details":"d","hint":"h"}',
         detail = '{"status":429,"status_text":"Slow down","headers":{"X-Left":"0"}}'`,
    );
    const { status, statusText, headers, text } = await target.call(name);
    assert.deepEqual([status, statusText, headers.get('x-left')], [429, 'Slow down', '0']);
    assert.equal(text, '{"code":"OWN","details":"d","hint":"h","message":"Own words"}');
    assert.equal(headers.get('proxy-status'), 'PostgREST; error=OWN');
  });

  it('is 500 PGRST121 when that answer is not JSON', async () => {
    const name = await defineRaise('own_garbage', `raise sqlstate 'PGRST' using message = 'x', detail = 'y'`);
    const { status, error } = await target.service.rpc(name);
    assert.deepEqual([status, error?.code], [500, 'PGRST121']);
  });

  it('says Retry-After: 0 for 57P01', async () => {
    const name = await defineRaise('going', `raise sqlstate '57P01'`);
    assert.equal((await target.call(name)).headers.get('retry-after'), '0');
  });
});

describe('a call that cannot be made', () => {
  it('is 404 PGRST202 for an unknown function, with and without arguments', async () => {
    const unknown = target.name('unknown');
    const bare = await target.call(unknown);
    const given = await target.call(unknown, { b: 1, a: 2 });
    assert.deepEqual([bare.status, given.status], [404, 404]);
    const { code, details, message } = JSON.parse(bare.text);
    assert.equal(code, 'PGRST202');
    assert.equal(
      message,
      `Could not find the function public.${unknown} without parameters in the schema cache`,
    );
    assert.equal(
      details,
      `Searched for the function public.${unknown} without parameters or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.`,
    );
    assert.equal(
      JSON.parse(given.text).message,
      `Could not find the function public.${unknown}(a, b) in the schema cache`,
    );
  });

  it('is 404 PGRST202 for wrong or missing argument names', async () => {
    const name = target.name('named');
    await target.define(
      `create function public.${name}(a integer) returns integer language sql as 'select a'`,
    );
    for (const args of [{}, { b: 1 }, { a: 1, b: 1 }]) {
      const { status, error } = await target.service.rpc(name, args);
      assert.deepEqual([status, error?.code], [404, 'PGRST202']);
    }
  });

  it('is 300 PGRST203 when two overloads fit', async () => {
    const name = target.name('twice');
    await target.define(
      `create function public.${name}(a integer) returns text language sql as $$ select 'integer' $$;
       create function public.${name}(a text) returns text language sql as $$ select 'text' $$`,
    );
    const { status, error } = await target.service.rpc(name, { a: 1 });
    assert.deepEqual([status, error?.code], [300, 'PGRST203']);
    assert.match(error?.message ?? '', /^Could not choose the best candidate function between: public\./);
  });

  it('is 400 with the cast error of PostgreSQL for a bad literal', async () => {
    const name = target.name('typed');
    await target.define(
      `create function public.${name}(id uuid default null, words text default null) returns text language sql as 'select 1'`,
    );
    const literal = await target.service.rpc(name, { id: 'not-a-uuid' });
    const zero = await target.service.rpc(name, { words: 'a\0b' });
    assert.deepEqual([literal.status, literal.error?.code], [400, '22P02']);
    assert.deepEqual([zero.status, zero.error?.code], [400, '22P05']);
  });

  it('is 400 PGRST102 for a body that is no JSON or of another type', async () => {
    const name = await defineRaise('never', 'null');
    const broken = await target.call(name, {}, { body: '{"a":' });
    const typed = await target.call(name, {}, { body: 'a', headers: { 'content-type': 'text/csv+x' } });
    assert.deepEqual([broken.status, JSON.parse(broken.text).code], [400, 'PGRST102']);
    assert.deepEqual([typed.status, JSON.parse(typed.text).code], [400, 'PGRST102']);
  });

  it('is 401 for anon and 403 for another role that has no right, 42501', async () => {
    const name = await defineRaise('guarded', 'null');
    await target.admin.query(
      `revoke execute on function public.${name}() from public, anon, authenticated, service_role`,
    );
    const anon = await target.anon.rpc(name);
    const service = await target.service.rpc(name);
    assert.deepEqual([anon.status, anon.error?.code], [401, '42501']);
    assert.deepEqual([service.status, service.error?.code], [403, '42501']);
  });

  it('is open to everybody until a migration revokes it', async () => {
    const name = await defineRaise('open', 'null');
    assert.equal((await target.anon.rpc(name)).status, 204);
  });

  it('is 404 PGRST205 for a table that is not there', async () => {
    const { status, error } = await target.service.from(target.name('no_table')).select();
    assert.deepEqual([status, error?.code], [404, 'PGRST205']);
  });
});

describe('a function that changes', () => {
  it('is found as soon as it is made, and not after it is dropped', async () => {
    const name = target.name('brief_life');
    assert.equal((await target.service.rpc(name)).status, 404);
    await target.define(`create function public.${name}() returns integer language sql as 'select 1'`);
    assert.equal((await target.service.rpc(name)).data, 1);
    await target.admin.query(`drop function public.${name}()`);
    const { status, error } = await target.service.rpc(name);
    assert.equal(status, 404);
    assert.ok(error?.code === '42883' || error?.code === 'PGRST202', `unexpected ${error?.code}`);
  });

  it('is called by its new shape once the change is known', async () => {
    const name = target.name('reshaped');
    await target.define(`create function public.${name}() returns void language sql as 'select 1'`);
    assert.equal((await target.service.rpc(name)).status, 204);
    await target.define(
      `drop function public.${name}(); create function public.${name}() returns setof integer language sql as 'select 1'`,
    );
    assert.deepEqual((await target.service.rpc(name)).data, [1]);
  });
});
