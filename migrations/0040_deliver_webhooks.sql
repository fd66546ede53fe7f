-- How webhook deliveries are sent, told and repeated.

-- webhook_user_state: 'active'; 'inactive', banned or marked as deleted; 'gone', no such user. It runs as its owner because
-- service_role may not read auth.users.
create or replace function public.webhook_user_state(p_user_id uuid) returns text
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_there boolean;
begin
  if public.user_is_active(p_user_id) then
    return 'active';
  end if;
  execute 'select exists (select from auth.users u where u.id = $1)' into v_there using p_user_id;
  return case when v_there then 'inactive' else 'gone' end;
end
$$;

-- claim_webhook_deliveries: due rows -> claimed by p_claim_id, at most p_room, for 60 seconds; then they are due again.
--
-- Receivers (a user's host) take turns: it goes from one to the next behind p_after, round and round, and looks at a thousand
-- a call at most. Of one receiver 4 are under way at a time, of one user 16, over all deliverers: a dead one takes no
-- more of anybody's room, and its own backlog is never walked through. Within a receiver the longest due go first.
--
-- Answers {"contended", "done", "around", "after", "deliveries": [{"id", "user_id", "type", "url", "body", "attempt", "secrets":
-- [{"id", "sealed"}]}]}. contended: another deliverer is claiming, so ask again; done: every receiver was looked at;
-- around: it came to the last one and began anew; `after` is where to go on. What waits for a user who is gone goes with them, what waits for one who may not act
-- ends as user_inactive: a thousand rows a call.
create or replace function public.claim_webhook_deliveries(p_claim_id uuid, p_room integer, p_after jsonb default null)
returns jsonb
language plpgsql security invoker set search_path = '' set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  c_of_receiver constant integer := 4;
  c_of_user constant integer := 16;
  c_looks constant integer := 1000;
  c_nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  v_from_user uuid := coalesce((p_after ->> 'user_id')::uuid, c_nobody);
  v_from_host text := coalesce(p_after ->> 'host', '');
  v_user uuid := v_from_user;
  v_host text := v_from_host;
  v_around boolean := false;
  v_done boolean := false;
  v_first record;
  v_room integer;
  v_state text;
  v_taken uuid[] := '{}';
  v_ids uuid[];
begin
  if not pg_try_advisory_xact_lock(727005, 1) then
    return jsonb_build_object(
      'contended', true, 'done', false, 'around', false, 'after', p_after, 'deliveries', '[]'::jsonb
    );
  end if;
  for v_look in 1..c_looks loop
    exit when cardinality(v_taken) >= p_room;
    select d.user_id, d.host, d.due_at into v_first from public.webhook_deliveries d
    where d.status = 'pending' and (d.user_id, d.host) > (v_user, v_host)
    order by d.user_id, d.host, d.due_at limit 1;
    if not found and not v_around then
      v_around := true;
      v_user := c_nobody;
      v_host := '';
      continue;
    end if;
    if v_first.user_id is null or (v_around and (v_first.user_id, v_first.host) > (v_from_user, v_from_host)) then
      v_done := true;
      exit;
    end if;
    v_user := v_first.user_id;
    v_host := v_first.host;
    continue when v_first.due_at > now();

    v_state := public.webhook_user_state(v_user);
    if v_state <> 'active' then
      perform public.end_webhooks_of_user(v_user, v_state);
      continue;
    end if;
    select least(
      c_of_receiver - count(*) filter (where d.host = v_host), c_of_user - count(*), p_room - cardinality(v_taken)
    ) into v_room
    from public.webhook_deliveries d where d.user_id = v_user and d.claim_id is not null and d.due_at > now();
    continue when v_room <= 0;
    v_ids := array(
      select d.id from public.webhook_deliveries d
      where d.status = 'pending' and d.user_id = v_user and d.host = v_host and d.due_at <= now()
      order by d.due_at limit v_room
      for update skip locked
    );
    update public.webhook_deliveries d
    set claim_id = p_claim_id, attempt = d.attempt + 1, due_at = now() + interval '60 seconds', last_attempt_at = now()
    where d.id = any (v_ids);
    v_taken := v_taken || v_ids;
  end loop;

  return jsonb_build_object(
    'contended', false, 'done', v_done, 'around', v_around, 'after', jsonb_build_object('user_id', v_user, 'host', v_host),
    'deliveries', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', d.id, 'user_id', d.user_id, 'type', d.type, 'url', d.url, 'body', d.body, 'attempt', d.attempt,
        'secrets', (
          select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'sealed', s.sealed) order by s.created_at, s.id), '[]')
          from public.webhook_secrets s where s.user_id = d.user_id
        )
      )), '[]')
      from public.webhook_deliveries d where d.id = any (v_taken)
    )
  );
end
$$;

-- end_webhooks_of_user: at most a thousand pending deliveries to a user: of one who is gone they are removed, with the
-- secrets; of one who may not act they fail. Called by claim_webhook_deliveries.
create or replace function public.end_webhooks_of_user(p_user_id uuid, p_state text) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  v_ids uuid[] := array(
    select d.id from public.webhook_deliveries d
    where d.status = 'pending' and d.user_id = p_user_id order by d.host, d.due_at limit 1000
    for update skip locked
  );
begin
  if p_state = 'gone' then
    delete from public.webhook_deliveries d where d.id = any (v_ids);
    delete from public.webhook_secrets s where s.user_id = p_user_id;
  else
    update public.webhook_deliveries d
    set status = 'failed', completed_at = now(), claim_id = null, error_code = 'user_inactive' where d.id = any (v_ids);
  end if;
end
$$;

-- report_webhook_attempt: claimed -> succeeded, failed, or pending again until its next attempt.
--
-- p_error_code null: it arrived. Otherwise it comes again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, give or
-- take a tenth, and fails with its tenth failure. 410 (Gone) fails at once, and with it what else is pending for this address
-- of this user and not under way, a thousand rows at most; what comes later is tried anew.
-- Answers {"status", "failures", "due_at"}. No row: the claim was lost. (By `is not distinct from`, which no index of claims
-- serves: the row is found by its id.)
create or replace function public.report_webhook_attempt(
  p_id uuid, p_claim_id uuid, p_error_code text, p_http_status integer
) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  c_pauses constant interval[] := array['5 seconds', '5 minutes', '30 minutes', '2 hours', '5 hours', '10 hours', '14 hours',
    '20 hours', '24 hours']::interval[];
  v_row public.webhook_deliveries;
  v_gone boolean := p_error_code is not null and p_http_status is not distinct from 410;
begin
  update public.webhook_deliveries d
  set claim_id = null, http_status = p_http_status, error_code = p_error_code,
      failures = d.failures + case when p_error_code is null then 0 else 1 end,
      status = case
        when p_error_code is null then 'succeeded'
        when v_gone or d.failures + 1 > cardinality(c_pauses) then 'failed'
        else 'pending' end,
      completed_at = case when p_error_code is null or v_gone or d.failures + 1 > cardinality(c_pauses) then now() end,
      due_at = now() + coalesce(c_pauses[d.failures + 1], interval '0') * (0.9 + random() / 5)
  where d.id = p_id and d.claim_id is not distinct from p_claim_id and p_claim_id is not null
  returning * into v_row;
  if not found then
    return;
  end if;
  if v_gone then
    update public.webhook_deliveries d
    set status = 'failed', completed_at = now(), claim_id = null, http_status = 410, error_code = p_error_code
    where d.id in (
      select o.id from public.webhook_deliveries o
      where o.status = 'pending' and o.user_id = v_row.user_id and o.host = v_row.host and o.url = v_row.url
        and (o.claim_id is null or o.due_at <= now())
      order by o.due_at limit 1000
      for update skip locked
    );
  end if;
  return next jsonb_build_object('status', v_row.status, 'failures', v_row.failures, 'due_at', v_row.due_at);
end
$$;

-- return_webhook_delivery: claimed -> due at once, by a deliverer that leaves; no failure.
create or replace function public.return_webhook_delivery(p_id uuid, p_claim_id uuid) returns void
language sql security invoker set search_path = ''
as $$
  update public.webhook_deliveries set claim_id = null, due_at = now() where id = p_id and claim_id is not distinct from p_claim_id and p_claim_id is not null
$$;

-- webhook_delivery_record: what a delivery shows of itself.
create or replace function public.webhook_delivery_record(p_delivery public.webhook_deliveries) returns jsonb
language sql immutable security invoker set search_path = ''
as $$ select to_jsonb(p_delivery) - 'body' - 'host' - 'claim_id' $$;

-- list_webhook_deliveries: the caller's, newest first, from behind a cursor (created_at and id of the last one seen); p_limit is
-- at most 1,000. An admin sees all, or those of p_of_user. Nulls do not filter.
create or replace function public.list_webhook_deliveries(
  p_user_id uuid, p_admin boolean default false, p_limit integer default 50, p_of_user uuid default null,
  p_image_id uuid default null, p_status text default null, p_before_created_at timestamptz default null,
  p_before_id uuid default null
) returns jsonb
language plpgsql stable security invoker set search_path = ''
set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_custom_plan
as $$
declare
  v_items jsonb;
begin
  execute
    'select coalesce(jsonb_agg(public.webhook_delivery_record(page) order by page.created_at desc, page.id desc), ''[]'') from ('
    || 'select d.* from '
    -- An image has one or two: found by it, not among all of its user's.
    || case when p_image_id is null then 'public.webhook_deliveries'
      else '(select * from public.webhook_deliveries where image_id = $3 offset 0)' end
    || ' d where true'
    || case when p_admin then '' else ' and d.user_id = $1' end
    || case when p_of_user is null then '' else ' and d.user_id = $2' end
    || case when p_status is null then '' else ' and d.status = $4' end
    || case when p_before_id is null then '' else ' and (d.created_at, d.id) < ($5, $6)' end
    || ' order by d.created_at desc, d.id desc limit least($7, 1000)) page'
  into v_items
  using p_user_id, p_of_user, p_image_id, p_status, p_before_created_at, p_before_id, p_limit;
  return v_items;
end
$$;

-- replay_webhook_delivery: any state -> due at once, with its schedule from the beginning. One that is under way stays so, and
-- what becomes of that attempt decides. Answers its record. No row: unknown, or somebody else's.
create or replace function public.replay_webhook_delivery(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language sql security invoker set search_path = ''
as $$
  update public.webhook_deliveries d
  set status = 'pending', completed_at = null, failures = 0,
      claim_id = case when d.due_at > now() then d.claim_id end,
      due_at = case when d.claim_id is not null and d.due_at > now() then d.due_at else now() end
  where d.id = p_id and (p_admin or d.user_id = p_user_id)
  returning public.webhook_delivery_record(d)
$$;

-- prune_webhook_deliveries: those that ended more than 30 days ago go, the oldest first, at most 1,000. Answers how many.
create or replace function public.prune_webhook_deliveries() returns integer
language plpgsql security invoker set search_path = ''
as $$
declare
  v_pruned integer;
begin
  delete from public.webhook_deliveries d where d.id in (
    select o.id from public.webhook_deliveries o
    where o.status <> 'pending' and o.completed_at < now() - interval '30 days' order by o.completed_at limit 1000
    for update skip locked
  );
  get diagnostics v_pruned = row_count;
  return v_pruned;
end
$$;

-- get_webhook_gauges: {"due", "overdue_seconds"}: deliveries whose time has come and that nobody has claimed, 10,000 for "or
-- more", and for how long the longest of them; null when there is none.
create or replace function public.get_webhook_gauges() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'due', (select count(*) from (
      select from public.webhook_deliveries where status = 'pending' and due_at <= now() order by due_at limit 10000
    ) d),
    'overdue_seconds', (
      select extract(epoch from now() - min(d.due_at)) from public.webhook_deliveries d
      where d.status = 'pending' and d.due_at <= now()
    )
  )
$$;

do $$
declare
  v_function text;
begin
  foreach v_function in array array[
    'webhook_user_state(uuid)', 'claim_webhook_deliveries(uuid, integer, jsonb)', 'end_webhooks_of_user(uuid, text)',
    'report_webhook_attempt(uuid, uuid, text, integer)', 'return_webhook_delivery(uuid, uuid)',
    'webhook_delivery_record(public.webhook_deliveries)',
    'list_webhook_deliveries(uuid, boolean, integer, uuid, uuid, text, timestamptz, uuid)',
    'replay_webhook_delivery(uuid, uuid, boolean)', 'prune_webhook_deliveries()', 'get_webhook_gauges()'
  ] loop
    execute 'revoke execute on function public.' || v_function || ' from public, anon, authenticated';
    execute 'grant execute on function public.' || v_function || ' to service_role';
  end loop;
end
$$;
