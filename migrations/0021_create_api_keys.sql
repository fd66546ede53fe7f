-- API keys: what a script signs in with instead of a user's token. A key acts as its owner.
--
-- The secret itself is nowhere: secret_hash is its SHA-256, hint its last four characters. user_id has no foreign key
-- to auth.users (see the note on side tables in 0003); find_api_key looks instead, so that the keys of a user who is
-- gone or banned open nothing.
create table if not exists public.api_keys (
  id uuid primary key,
  user_id uuid not null,
  name text not null,
  hint text not null,
  secret_hash bytea not null unique check (octet_length(secret_hash) = 32),
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index if not exists idx_api_keys_user_id on public.api_keys (user_id, created_at desc, id desc);
create index if not exists idx_api_keys_created_at on public.api_keys (created_at desc, id desc);
alter table public.api_keys enable row level security;
revoke all on public.api_keys from public, anon, authenticated;
grant select, insert, update, delete on public.api_keys to service_role;

-- user_is_active: whether a user may still act: there, not deleted, not banned. True where there is no auth.users.
-- It runs as its owner because service_role may not read auth.users.
create or replace function public.user_is_active(p_user_id uuid) returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_active boolean;
begin
  if to_regclass('auth.users') is null then
    return true;
  end if;
  execute 'select exists (
    select from auth.users u where u.id = $1
      and to_jsonb(u) ->> ''deleted_at'' is null
      and coalesce((to_jsonb(u) ->> ''banned_until'')::timestamptz <= now(), true)
  )' into v_active using p_user_id;
  return v_active;
end
$$;

-- What a key shows of itself.
create or replace function public.api_key_record(p_key public.api_keys) returns jsonb
language sql immutable security invoker set search_path = ''
as $$ select to_jsonb(p_key) - 'secret_hash' $$;

-- create_api_key: p_id is the caller's, so that a call whose reply was lost may be repeated. Answers the key; no row:
-- the id is another key's. DRMAX: the user has 100 live keys. 23503: the user is gone. Keys of one user are made one
-- after the other, so that many at once do not exceed the limit.
create or replace function public.create_api_key(
  p_id uuid, p_user_id uuid, p_name text, p_hint text, p_secret_hash bytea
) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  c_most constant integer := 100;
begin
  if not public.user_is_active(p_user_id) then
    raise exception 'the user of this API key is gone'
      using errcode = '23503', detail = format('Key (user_id)=(%s) is not present.', p_user_id);
  end if;
  perform pg_advisory_xact_lock(727002, hashtext(p_user_id::text));
  if not exists (select from public.api_keys k where k.id = p_id) and (
    select count(*) from public.api_keys k where k.user_id = p_user_id and k.revoked_at is null
  ) >= c_most then
    raise exception 'a user can have % API keys', c_most using errcode = 'DRMAX';
  end if;

  insert into public.api_keys (id, user_id, name, hint, secret_hash)
  values (p_id, p_user_id, p_name, p_hint, p_secret_hash)
  on conflict (id) do nothing;
  return query select public.api_key_record(k) from public.api_keys k
  where k.id = p_id and k.user_id = p_user_id and k.secret_hash = p_secret_hash;
end
$$;

-- list_api_keys: a user's keys, an admin's view of all, newest first, from behind a cursor; without the revoked ones
-- unless they are asked for. p_limit is at most 1,000. Anonymous callers have none.
create or replace function public.list_api_keys(
  p_user_id uuid, p_admin boolean default false, p_limit integer default 100, p_revoked boolean default false,
  p_before_created_at timestamptz default null, p_before_id uuid default null
) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_items jsonb;
begin
  execute
    'select coalesce(jsonb_agg(public.api_key_record(page) order by page.created_at desc, page.id desc), ''[]'') from ('
    || 'select * from public.api_keys where true'
    || case when p_admin then '' else ' and user_id = $1' end
    || case when p_revoked then '' else ' and revoked_at is null' end
    || case when p_before_id is not null then ' and (created_at, id) < ($3, $4)' else '' end
    || ' order by created_at desc, id desc limit least($2, 1000)) page'
  into v_items using p_user_id, p_limit, p_before_created_at, p_before_id;
  return v_items;
end
$$;

-- revoke_api_key: from now on the key opens nothing. Answers it, also when it was revoked before. No row: unknown, or
-- somebody else's.
create or replace function public.revoke_api_key(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language sql security invoker set search_path = ''
as $$
  update public.api_keys k set revoked_at = coalesce(k.revoked_at, now())
  where k.id = p_id and (p_admin or k.user_id = p_user_id)
  returning public.api_key_record(k)
$$;

-- find_api_key: {"id", "user_id"} of the live key with this hash. No row: unknown, revoked, or its user is gone.
--
-- last_used_at is written at most once a minute, and by no call that would have to wait for another one: a hot key is
-- read by hundreds of requests at once.
create or replace function public.find_api_key(p_secret_hash bytea) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_key public.api_keys;
begin
  select * into v_key from public.api_keys k where k.secret_hash = p_secret_hash and k.revoked_at is null;
  if not found or not public.user_is_active(v_key.user_id) then
    return;
  end if;
  if coalesce(v_key.last_used_at < now() - interval '1 minute', true) then
    update public.api_keys set last_used_at = now()
    where id in (
      select k.id from public.api_keys k
      where k.id = v_key.id and coalesce(k.last_used_at < now() - interval '1 minute', true)
      for update skip locked
    );
  end if;
  return next jsonb_build_object('id', v_key.id, 'user_id', v_key.user_id);
end
$$;

revoke execute on function public.user_is_active(uuid), public.api_key_record(public.api_keys),
  public.create_api_key(uuid, uuid, text, text, bytea),
  public.list_api_keys(uuid, boolean, integer, boolean, timestamptz, uuid),
  public.revoke_api_key(uuid, uuid, boolean), public.find_api_key(bytea) from public, anon, authenticated;
grant execute on function public.user_is_active(uuid), public.api_key_record(public.api_keys),
  public.create_api_key(uuid, uuid, text, text, bytea),
  public.list_api_keys(uuid, boolean, integer, boolean, timestamptz, uuid),
  public.revoke_api_key(uuid, uuid, boolean), public.find_api_key(bytea) to service_role;
