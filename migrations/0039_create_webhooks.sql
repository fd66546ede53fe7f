-- Webhooks: what became of an image or a batch is told to an address of its user's, as Standard Webhooks has it
-- (standardwebhooks.com). A delivery is a row that the end of the image writes in its own transaction, so none is ever
-- forgotten; deliverers in the workers send it (0040).

-- What deliveries are signed with; two at most of a user, so that one can replace the other without a gap. `sealed` is the
-- secret, encrypted by the API: the database never sees it. key_id names the key that it is encrypted with. No foreign
-- keys to auth.users: see the note on side tables in 0003.
create table if not exists public.webhook_secrets (
  id uuid primary key,
  user_id uuid not null,
  hint text not null,
  sealed text not null,
  key_id text not null,
  created_at timestamptz not null default now()
);
create index if not exists idx_webhook_secrets_user_id on public.webhook_secrets (user_id, created_at desc, id desc);
create index if not exists idx_webhook_secrets_created_at on public.webhook_secrets (created_at desc, id desc);
create index if not exists idx_webhook_secrets_key_id on public.webhook_secrets (key_id, id);

-- The id is the webhook-id, the body is what is sent, byte for byte, however often. `host` is the name and port of `url`:
-- with the user it is the receiver, of which few deliveries are under way at a time. While a deliverer has claimed the
-- row, due_at is when its claim runs out.
create table if not exists public.webhook_deliveries (
  id uuid primary key,
  user_id uuid not null,
  type text not null,
  image_id uuid,
  batch_id uuid,
  url text not null,
  host text not null,
  body text not null,
  status text not null default 'pending' check (status in ('pending', 'succeeded', 'failed')),
  attempt integer not null default 0,
  failures integer not null default 0,
  due_at timestamptz not null default now(),
  claim_id uuid,
  last_attempt_at timestamptz,
  http_status integer,
  error_code text,
  created_at timestamptz not null default now(),
  completed_at timestamptz,
  check ((status = 'pending') = (completed_at is null)),
  check (status = 'pending' or claim_id is null)
);
comment on column public.webhook_deliveries.failures is
  'Attempts that failed since the schedule began, which a replay lets begin anew.';

create index if not exists idx_webhook_deliveries_receiver on public.webhook_deliveries (user_id, host, due_at)
  where status = 'pending';
create index if not exists idx_webhook_deliveries_due on public.webhook_deliveries (due_at) where status = 'pending';
create index if not exists idx_webhook_deliveries_claimed on public.webhook_deliveries (user_id) where claim_id is not null;
create index if not exists idx_webhook_deliveries_own on public.webhook_deliveries
  (user_id, created_at desc, id desc, status);
create index if not exists idx_webhook_deliveries_all on public.webhook_deliveries (created_at desc, id desc, status);
create index if not exists idx_webhook_deliveries_image_id on public.webhook_deliveries (image_id)
  where image_id is not null;
create index if not exists idx_webhook_deliveries_ended on public.webhook_deliveries (completed_at)
  where status <> 'pending';

alter table public.webhook_secrets enable row level security;
alter table public.webhook_deliveries enable row level security;
revoke all on public.webhook_secrets, public.webhook_deliveries from public, anon, authenticated;
grant select, insert, update, delete on public.webhook_secrets, public.webhook_deliveries to service_role;

-- add_webhook_delivery: one more to send. It inserts and locks nothing, so that it cannot hold up what it tells of.
create or replace function public.add_webhook_delivery(
  p_type text, p_user_id uuid, p_url text, p_image_id uuid, p_batch_id uuid, p_data jsonb
) returns void
language sql security invoker set search_path = ''
as $$
  insert into public.webhook_deliveries (id, user_id, type, image_id, batch_id, url, host, body)
  values (
    public.new_generation_id(0), p_user_id, p_type, p_image_id, p_batch_id, p_url,
    coalesce(lower(substring(p_url from '^https://([^/?#]+)')), ''),
    jsonb_build_object(
      'type', p_type,
      'timestamp', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'data', p_data
    )::text
  )
$$;

-- The end of an image, as its record tells it. An image of no user has nobody whose secret would sign.
create or replace function public.tell_generation_end() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform public.add_webhook_delivery(
    'image.' || new.status, new.user_id, new.webhook_url, new.id, new.batch_id,
    jsonb_build_object(
      'id', new.id, 'status', new.status, 'batch_id', new.batch_id, 'custom_id', new.custom_id,
      'metadata', new.metadata, 'image_url', new.image_url,
      'error', case when new.status in ('failed', 'expired') and new.error is not null then
        jsonb_build_object(
          'code', new.error -> 'code', 'message', new.error -> 'message', 'retryable', new.error -> 'retryable',
          'charged', new.billable_calls > 0,
          'upstream', coalesce(nullif(new.error -> 'upstream', 'null'), '{"reason": null, "http_status": null}')
        )
      end
    )
  );
  return null;
end
$$;
create or replace trigger tell_generation_end after update of status on public.generated_images
  for each row when (
    new.webhook_url is not null and new.user_id is not null and old.status <> new.status
    and new.status in ('succeeded', 'failed', 'canceled', 'expired')
  ) execute function public.tell_generation_end();

-- webhook_secret_record: what a secret shows of itself.
create or replace function public.webhook_secret_record(p_secret public.webhook_secrets) returns jsonb
language sql immutable security invoker set search_path = ''
as $$ select to_jsonb(p_secret) - 'sealed' - 'key_id' $$;

-- create_webhook_secret: p_id is the caller's, so that a call whose reply was lost may be repeated. Answers the secret's
-- record; no row: the id is another's. DRMAX: the user has two. 23503: the user is gone. Those of one user are made one
-- after the other, so that many at once do not exceed the limit.
create or replace function public.create_webhook_secret(
  p_id uuid, p_user_id uuid, p_hint text, p_sealed text, p_key_id text
) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  if not public.user_is_active(p_user_id) then
    raise exception 'the user of this webhook secret is gone'
      using errcode = '23503', detail = format('Key (user_id)=(%s) is not present.', p_user_id);
  end if;
  perform pg_advisory_xact_lock(727004, hashtext(p_user_id::text));
  if not exists (select from public.webhook_secrets s where s.id = p_id)
    and (select count(*) from public.webhook_secrets s where s.user_id = p_user_id) >= 2
  then
    raise exception 'a user can have 2 webhook secrets' using errcode = 'DRMAX';
  end if;
  insert into public.webhook_secrets (id, user_id, hint, sealed, key_id)
  values (p_id, p_user_id, p_hint, p_sealed, p_key_id)
  on conflict (id) do nothing;
  return query select public.webhook_secret_record(s) from public.webhook_secrets s
  where s.id = p_id and s.user_id = p_user_id and s.sealed = p_sealed;
end
$$;

-- list_webhook_secrets: a user's, an admin's view of the newest thousand of all, newest first.
create or replace function public.list_webhook_secrets(p_user_id uuid, p_admin boolean default false) returns jsonb
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_items jsonb;
begin
  execute
    'select coalesce(jsonb_agg(public.webhook_secret_record(page) order by page.created_at desc, page.id desc), ''[]'') from ('
    || 'select * from public.webhook_secrets' || case when p_admin then '' else ' where user_id = $1' end
    || ' order by created_at desc, id desc limit 1000) page'
  into v_items using p_user_id;
  return v_items;
end
$$;

-- delete_webhook_secret: from now on nothing is signed with it. Answers its record. No row: unknown, or somebody else's.
create or replace function public.delete_webhook_secret(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language sql security invoker set search_path = ''
as $$
  delete from public.webhook_secrets s where s.id = p_id and (p_admin or s.user_id = p_user_id)
  returning public.webhook_secret_record(s)
$$;

-- has_webhook_secret: whether deliveries to a user could be signed.
create or replace function public.has_webhook_secret(p_user_id uuid) returns boolean
language sql stable security invoker set search_path = ''
as $$ select exists (select from public.webhook_secrets s where s.user_id = p_user_id) $$;

-- list_webhook_secrets_to_reseal: [{"id", "user_id", "sealed"}], at most 100 that are encrypted with another key than this.
create or replace function public.list_webhook_secrets_to_reseal(p_key_id text) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'user_id', s.user_id, 'sealed', s.sealed)), '[]')
  from (
    (select * from public.webhook_secrets where key_id < p_key_id order by key_id, id limit 50)
    union all
    (select * from public.webhook_secrets where key_id > p_key_id order by key_id, id limit 50)
  ) s
$$;

-- reseal_webhook_secret: the same secret, encrypted with another key. Nothing happens when p_was is no longer what is there.
create or replace function public.reseal_webhook_secret(p_id uuid, p_was text, p_sealed text, p_key_id text) returns void
language sql security invoker set search_path = ''
as $$
  update public.webhook_secrets set sealed = p_sealed, key_id = p_key_id where id = p_id and sealed = p_was
$$;

revoke execute on function public.add_webhook_delivery(text, uuid, text, uuid, uuid, jsonb), public.tell_generation_end(),
  public.webhook_secret_record(public.webhook_secrets), public.create_webhook_secret(uuid, uuid, text, text, text),
  public.list_webhook_secrets(uuid, boolean), public.delete_webhook_secret(uuid, uuid, boolean),
  public.has_webhook_secret(uuid), public.list_webhook_secrets_to_reseal(text),
  public.reseal_webhook_secret(uuid, text, text, text) from public, anon, authenticated;
grant execute on function public.add_webhook_delivery(text, uuid, text, uuid, uuid, jsonb),
  public.webhook_secret_record(public.webhook_secrets), public.create_webhook_secret(uuid, uuid, text, text, text),
  public.list_webhook_secrets(uuid, boolean), public.delete_webhook_secret(uuid, uuid, boolean),
  public.has_webhook_secret(uuid), public.list_webhook_secrets_to_reseal(text),
  public.reseal_webhook_secret(uuid, text, text, text) to service_role;

-- submit_generations: nothing -> pending.
--
-- p_items is an array of rows to be; ids are the caller's (UUIDv7). An id that is there already is left as it is,
-- so that a submit whose reply was lost may be repeated. All or nothing: an item that breaks a constraint (an unknown
-- dataset or user: 23503) refuses the whole call. Only what has no room is refused by itself.
--
-- An item may carry idempotency_scope, idempotency_key and request_hash. The key and the row are written together, and
-- of items with one key only the first makes a row, for 24 hours. A twin that is being written by another call is
-- waited for, 2 s at most: then 55P03. It may carry parent_id and root_id too: the image that it was made from, and the
-- first of that line; without root_id it is its own root; traceparent, the request that it came with;
-- and webhook_url, where its end is told.
--
-- Answers for each item the row with `asked_id`, `outcome` and `lane_place` (how many rows of the lane wait, of which a
-- new one is about the last). outcome: 'created'; 'replayed', the row that the key made before; 'key_reused', that row,
-- but it was asked for otherwise; 'gone', no row, for it was deleted since; 'queue_full', no row, for max_pending wait
-- under its lane_key: the first ones by id got the room that was left. Its key is free again. Two submits at once to
-- different models of one lane_key do not see each other's rows, so they may exceed the limit together.
--
-- Locks keys (sorted), lanes (sorted), then inserts rows by id.
create or replace function public.submit_generations(p_items jsonb) returns jsonb
language plpgsql security invoker set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_asked jsonb;
  v_new jsonb;
  v_refused uuid[];
  v_inserted uuid[];
  v_counted jsonb;
begin
  insert into public.idempotency_keys as k (scope, key, request_hash, image_id)
  select distinct on (i.idempotency_scope, i.idempotency_key)
    i.idempotency_scope, i.idempotency_key, i.request_hash, i.id
  from jsonb_to_recordset(p_items) as i (id uuid, idempotency_scope text, idempotency_key text, request_hash text)
  where i.idempotency_key is not null
  order by i.idempotency_scope, i.idempotency_key, i.id
  on conflict (scope, key) do update
  set request_hash = excluded.request_hash, image_id = excluded.image_id, created_at = now()
  where k.created_at < now() - interval '24 hours';

  -- What each item comes to: its own row, or the one that its key made.
  select jsonb_agg(jsonb_build_object(
    'asked_id', i.id,
    'image_id', coalesce(k.image_id, i.id),
    'outcome', case
      when k.image_id is null or k.image_id = i.id then 'created'
      when k.request_hash = i.request_hash then 'replayed'
      else 'key_reused' end
  )) into v_asked
  from jsonb_to_recordset(p_items) as i (id uuid, idempotency_scope text, idempotency_key text, request_hash text)
  left join public.idempotency_keys k on k.scope = i.idempotency_scope and k.key = i.idempotency_key;

  select coalesce(jsonb_agg(i), '[]') into v_new
  from jsonb_array_elements(p_items) i
  where i -> 'id' in (select a -> 'asked_id' from jsonb_array_elements(v_asked) a where a ->> 'outcome' = 'created');

  insert into public.lanes as l (lane_key, model, waiting)
  select i ->> 'lane_key', i ->> 'model', count(*)
  from jsonb_array_elements(v_new) i
  group by 1, 2 order by 1, 2
  on conflict (lane_key, model) do update set waiting = l.waiting + excluded.waiting;

  -- What has no room. The lanes count all of v_new by now; what is refused, or there already, is taken off below.
  select array_agg(n.id) into v_refused
  from (
    select full_lane.lane_key, (select s.max_pending from public.settings s) - full_lane.waiting + full_lane.added as room
    from (
      select c.lane_key, c.added, (select sum(l.waiting) from public.lanes l where l.lane_key = c.lane_key) as waiting
      from (select i ->> 'lane_key' as lane_key, count(*) as added from jsonb_array_elements(v_new) i group by 1) c
    ) full_lane
    where full_lane.waiting > (select s.max_pending from public.settings s)
  ) f
  cross join lateral (
    select i.id, row_number() over (order by i.id) as place
    from (select distinct (x ->> 'id')::uuid as id from jsonb_array_elements(v_new) x where x ->> 'lane_key' = f.lane_key) i
    where not exists (select from public.generated_images g where g.id = i.id)
  ) n
  where n.place > f.room;
  if v_refused is not null then
    delete from public.idempotency_keys k
    using jsonb_to_recordset(p_items) as i (id uuid, idempotency_scope text, idempotency_key text)
    where k.scope = i.idempotency_scope and k.key = i.idempotency_key and k.image_id = any (v_refused);
  end if;

  with inserted as (
    insert into public.generated_images (
      id, user_id, prompt, full_prompt, dataset_id, style, aspect_ratio, quality, format, resolution,
      reference_images, reference_images_count, unique_visual_elements, model, lane_key, metadata,
      estimated_cost_usd, parent_id, root_id, traceparent, webhook_url, status, completed_at,
      deadline_at
    )
    select
      i.id, i.user_id, i.prompt, i.full_prompt, i.dataset_id, i.style, i.aspect_ratio, i.quality, i.format,
      i.resolution, i.reference_images, jsonb_array_length(i.reference_images), i.unique_visual_elements, i.model,
      i.lane_key, i.metadata, i.estimated_cost_usd, i.parent_id, coalesce(i.root_id, i.id), i.traceparent,
      i.webhook_url, 'pending', null, now() + make_interval(secs => i.deadline_seconds)
    from jsonb_to_recordset(v_new) as i (
      id uuid, user_id uuid, prompt text, full_prompt text, dataset_id uuid, style text, aspect_ratio text,
      quality text, format text, resolution text, reference_images jsonb, unique_visual_elements jsonb, model text,
      lane_key text, metadata jsonb, estimated_cost_usd numeric, parent_id uuid, root_id uuid,
      traceparent text, webhook_url text, deadline_seconds double precision
    )
    where v_refused is null or i.id <> all (v_refused)
    order by i.id
    on conflict (id) do nothing
    returning id, lane_key, model
  )
  select array_agg(id), coalesce(jsonb_agg(jsonb_build_object('lane_key', lane_key, 'model', model)), '[]')
  into v_inserted, v_counted from inserted;

  -- A repeated submit has counted rows that wait already, or no longer; so has an id that came twice, or was refused.
  if coalesce(cardinality(v_inserted), 0) < jsonb_array_length(v_new) then
    update public.lanes l set waiting = greatest(l.waiting - again.n, 0)
    from (
      select c.lane_key, c.model, sum(c.n) as n
      from (
        select i ->> 'lane_key' as lane_key, i ->> 'model' as model, 1 as n from jsonb_array_elements(v_new) i
        union all
        select i ->> 'lane_key', i ->> 'model', -1 from jsonb_array_elements(v_counted) i
      ) c
      group by 1, 2 having sum(c.n) > 0
    ) again
    where l.lane_key = again.lane_key and l.model = again.model;
  end if;

  return (
    select jsonb_agg(
      case when g.id is null then '{}'::jsonb else to_jsonb(g) end || jsonb_build_object(
        'asked_id', a.asked_id,
        'outcome', case
          when a.image_id = any (v_refused) then 'queue_full'
          when g.id is null or g.deleted_at is not null then 'gone'
          else a.outcome end,
        'lane_place', (select sum(l.waiting) from public.lanes l where l.lane_key = g.lane_key)
      ) order by a.asked_id)
    from (
      select distinct asked_id, image_id, outcome
      from jsonb_to_recordset(v_asked) as one (asked_id uuid, image_id uuid, outcome text)
    ) a
    left join public.generated_images g on g.id = a.image_id
  );
end
$$;
revoke execute on function public.submit_generations(jsonb) from public, anon, authenticated;
grant execute on function public.submit_generations(jsonb) to service_role;
