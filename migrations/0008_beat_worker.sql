-- beat_worker: a worker says that it lives, how many slots it has (0 while it drains) and which claims it holds.
--
-- p_held is an array of {"id", "claim_id"}, also of claims that are just being made. Answers
-- {"lease_ms", "stop": [{"id", "claim_id", "reason"}]}: the claims whose work is to stop, as 'cancel_requested' (report
-- it back: it becomes canceled) or 'lost' (fenced, ended or gone: drop it; a claim that is just being made may be
-- named lost before it is committed).
--
-- An image on this worker that two beats in a row do not name goes back to pending, or to canceled: its claim was
-- committed, but the worker never learned of it. It counts as possibly billed. A row that changed within the last third
-- of a lease stays: beats that were sent before its claim, but arrive after it, cannot name it.
--
-- unbroken_since starts anew after a gap of half a lease. A worker that was itself cut off may not judge others by
-- beats that could not arrive either.
create or replace function public.beat_worker(p_worker_id uuid, p_host text, p_concurrency integer, p_held jsonb)
returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_lease interval := (select lease from public.settings);
  v_missing uuid[];
  v_missing_before uuid[];
  v_stop jsonb;
begin
  v_missing := array(
    select g.id from public.generated_images g
    where g.worker_id = p_worker_id and g.status = 'processing' and not exists (
      select from jsonb_to_recordset(p_held) as h (id uuid, claim_id uuid)
      where h.id = g.id and h.claim_id = g.claim_id
    )
  );
  select w.missing into v_missing_before from public.workers w where w.id = p_worker_id;

  insert into public.workers as w (id, host, concurrency, missing)
  values (p_worker_id, p_host, p_concurrency, v_missing)
  on conflict (id) do update set
    host = excluded.host,
    concurrency = excluded.concurrency,
    missing = excluded.missing,
    unbroken_since = case when w.beat_at < now() - v_lease / 2 then now() else w.unbroken_since end,
    beat_at = now();

  update public.generated_images g
  set status = case when g.cancel_requested_at is null then 'pending' else 'canceled' end,
      completed_at = case when g.cancel_requested_at is not null then now() end,
      released_at = null, not_before = now(), claim_id = null, worker_id = null
  where g.id in (
    select m.id from public.generated_images m
    where m.id = any (v_missing) and m.id = any (v_missing_before)
      and m.worker_id = p_worker_id and m.status = 'processing' and m.updated_at < now() - v_lease / 3
    order by m.id
    for update skip locked
  );

  select coalesce(jsonb_agg(jsonb_build_object(
    'id', h.id, 'claim_id', h.claim_id,
    'reason', case when g.id is null then 'lost' else 'cancel_requested' end
  )), '[]') into v_stop
  from jsonb_to_recordset(p_held) as h (id uuid, claim_id uuid)
  left join public.generated_images g
    on g.id = h.id and g.claim_id = h.claim_id and g.status = 'processing'
  where g.id is null or g.cancel_requested_at is not null;

  return jsonb_build_object('lease_ms', extract(epoch from v_lease) * 1000, 'stop', v_stop);
end
$$;

-- remove_worker: a worker that holds nothing any more signs off. What it should still hold is at once a dead worker's.
create or replace function public.remove_worker(p_worker_id uuid) returns void
language sql security invoker set search_path = ''
as $$ delete from public.workers where id = p_worker_id $$;

revoke execute on function public.beat_worker(uuid, text, integer, jsonb), public.remove_worker(uuid)
  from public, anon, authenticated;
grant execute on function public.beat_worker(uuid, text, integer, jsonb), public.remove_worker(uuid) to service_role;
