-- claim_generation: a released pending row, or the processing row of a dead worker -> processing, fenced by p_claim_id.
--
-- Answers the row with `folder` (its place in the bucket generated-images) and `call_allowed`. No row: nothing to do,
-- it is somebody else's, not released, held by a pause, past its deadline, ended or gone. A row that was to be
-- canceled is canceled instead. Asking again with the same p_claim_id answers the same row.
--
-- attempt and billable_calls rise before anything is called. call_allowed is false when as many calls may have been
-- billed, or as many failures have happened, as settings allow; the worker still looks for a stored image to adopt.
--
-- Pauses: a released row of a paused model goes back to waiting. While a model probes (the pause is over, but no call
-- went through since) one of its rows is processed at a time.

-- Dead: no beat younger than the lease, on database time.
create or replace function public.worker_is_dead(p_worker_id uuid) returns boolean
language sql stable security invoker set search_path = ''
as $$
  select not exists (
    select from public.workers w, public.settings s where w.id = p_worker_id and w.beat_at > now() - s.lease
  )
$$;

-- Only a worker that has itself beaten without a gap for a whole lease may take from a dead one.
create or replace function public.worker_may_judge(p_worker_id uuid) returns boolean
language sql stable security invoker set search_path = ''
as $$
  select exists (
    select from public.workers w, public.settings s
    where w.id = p_worker_id and w.beat_at > now() - s.lease / 2 and w.unbroken_since <= now() - s.lease
  )
$$;

create or replace function public.claimed_generation(p_id uuid, p_claim_id uuid) returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select to_jsonb(g) || jsonb_build_object(
    'folder', public.generation_folder(g.user_id, g.id),
    'call_allowed', g.billable_calls <= s.max_billable_calls and g.failures < s.max_failures,
    'max_failures', s.max_failures,
    'max_billable_calls', s.max_billable_calls
  )
  from public.generated_images g, public.settings s
  where g.id = p_id and g.claim_id = p_claim_id and g.status = 'processing'
$$;

create or replace function public.claim_generation(p_id uuid, p_worker_id uuid, p_claim_id uuid) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_row public.generated_images;
  v_pause text;
begin
  select * into v_row from public.generated_images g
  where g.id = p_id and g.status in ('pending', 'processing')
  for update;
  if not found then
    return;
  end if;
  if v_row.claim_id = p_claim_id then
    return query select public.claimed_generation(p_id, p_claim_id);
    return;
  end if;

  if (v_row.status = 'pending' and v_row.released_at is null) or v_row.deadline_at <= now() then
    return;
  end if;
  if v_row.status = 'processing'
    and not (public.worker_is_dead(v_row.worker_id) and public.worker_may_judge(p_worker_id))
  then
    return;
  end if;
  if v_row.cancel_requested_at is not null then
    update public.generated_images set status = 'canceled', completed_at = now() where id = p_id;
    return;
  end if;

  v_pause := public.pause_state(v_row.model);
  if v_pause = 'probing' then
    perform pg_advisory_xact_lock(727001, 2);
    if exists (
      select from public.generated_images o
      where o.status = 'processing' and o.id <> p_id and o.released_at is not null
        and (o.model = v_row.model or exists (select from public.pauses where scope in ('project', 'operator')))
    ) then
      v_pause := 'paused';
    end if;
  end if;
  if v_pause = 'paused' then
    update public.generated_images
    set status = 'pending', released_at = null, not_before = now() + interval '1 second',
        claim_id = null, worker_id = null
    where id = p_id;
    return;
  end if;

  update public.generated_images
  set status = 'processing', claim_id = p_claim_id, worker_id = p_worker_id,
      attempt = attempt + 1, billable_calls = billable_calls + 1, started_at = coalesce(started_at, now())
  where id = p_id;
  return query select public.claimed_generation(p_id, p_claim_id);
end
$$;
revoke execute on function public.worker_is_dead(uuid), public.worker_may_judge(uuid),
  public.claimed_generation(uuid, uuid), public.claim_generation(uuid, uuid, uuid) from public, anon, authenticated;
grant execute on function public.worker_is_dead(uuid), public.worker_may_judge(uuid),
  public.claimed_generation(uuid, uuid), public.claim_generation(uuid, uuid, uuid) to service_role;
