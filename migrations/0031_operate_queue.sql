-- What operators see and do of the queue: pauses of all models or of one, and the workers.
--
-- A pause has a row of its own beside the automatic holds: its scope is 'operator', or 'operator:model:' and the model's
-- id. So an operator who resumes does not lose a hold, and a hold that ends does not lift a pause. A pause without an end
-- has `until` infinity. One whose end has come reopens as a hold does: with one image that probes.

-- The holds and pauses that apply to a model now: 'paused', 'probing' (the time has come, no call went through yet) or
-- null.
create or replace function public.pause_state(p_model text) returns text
language sql stable security invoker set search_path = ''
as $$
  select case when max(until) > now() then 'paused' when count(*) > 0 then 'probing' end
  from public.pauses
  where scope in ('operator', 'operator:model:' || p_model, 'project', 'model:' || p_model)
$$;

-- end_probe: as in 0010. Locks pauses (sorted), as whoever writes several of them.
create or replace function public.end_probe(p_model text) returns void
language sql security invoker set search_path = ''
as $$
  delete from public.pauses where scope in (
    select p.scope from public.pauses p
    where p.scope in ('operator', 'operator:model:' || p_model, 'project', 'model:' || p_model) and p.until <= now()
    order by p.scope
    for update
  ) and until <= now()
$$;

-- list_pauses: what holds images back now, [{"scope", "model", "by", "state", "until", "reason", "created_at"}]. scope is
-- 'all' or 'model'; by 'operator', or 'quota' of what Gemini's answers have brought about; until null is no end.
create or replace function public.list_pauses() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'scope', case when p.scope in ('operator', 'project') then 'all' else 'model' end,
    'model', substring(p.scope from 'model:(.*)$'),
    'by', case when p.scope = 'operator' or p.scope like 'operator:%' then 'operator' else 'quota' end,
    'state', case when p.until > now() then 'paused' else 'probing' end,
    'until', nullif(p.until, 'infinity'),
    'reason', p.reason,
    'created_at', p.created_at
  ) order by p.scope), '[]')
  from public.pauses p
$$;

-- pause_generations: an operator's pause of a model, or of all of them where p_model is null; until null is no end. It
-- takes the place of the one that is there. Answers list_pauses. 22023: p_until is no later than now.
create or replace function public.pause_generations(p_model text, p_until timestamptz, p_reason text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  if p_until <= now() then
    raise exception 'a pause cannot end before now' using errcode = '22023';
  end if;
  insert into public.pauses as p (scope, until, reason)
  values (coalesce('operator:model:' || p_model, 'operator'), coalesce(p_until, 'infinity'), p_reason)
  on conflict (scope) do update
  set until = excluded.until, reason = excluded.reason,
      created_at = case when p.until > now() then p.created_at else now() end;
  return public.list_pauses();
end
$$;

-- resume_generations: lifts the operator's pause of a model, or where p_model is null that of all (one of a single model
-- stays). With p_holds the waiting of automatic holds ends too: of that model, or where p_model is null of everything. They
-- go on with one image that probes, so that a key which is still bad costs one image and not all. Answers list_pauses.
create or replace function public.resume_generations(p_model text, p_holds boolean) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_pause text := coalesce('operator:model:' || p_model, 'operator');
begin
  perform from public.pauses p
  where p.scope = v_pause
    or (p_holds and case when p_model is null then p.scope not like 'operator%' else p.scope = 'model:' || p_model end)
  order by p.scope
  for update;
  delete from public.pauses where scope = v_pause;
  if p_holds then
    update public.pauses p set until = now()
    where p.until > now()
      and case when p_model is null then p.scope not like 'operator%' else p.scope = 'model:' || p_model end;
  end if;
  return public.list_pauses();
end
$$;

-- list_workers: [{"id", "host", "concurrency", "busy", "started_at", "beat_at", "alive", "draining"}], who beat last
-- first, at most 1,000. Those that died stay for a day. busy: images that it holds.
create or replace function public.list_workers() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(l) order by l.beat_at desc, l.id), '[]')
  from (
    select w.id, w.host, w.concurrency, w.started_at, w.beat_at,
      w.beat_at > now() - s.lease as alive,
      w.beat_at > now() - s.lease and w.concurrency = 0 as draining,
      (
        select count(*) from public.generated_images g where g.worker_id = w.id and g.status = 'processing'
      ) as busy
    from public.workers w cross join public.settings s
    order by w.beat_at desc, w.id limit 1000
  ) l
$$;

revoke execute on function public.pause_state(text), public.end_probe(text), public.list_pauses(),
  public.pause_generations(text, timestamptz, text), public.resume_generations(text, boolean), public.list_workers()
  from public, anon, authenticated;
grant execute on function public.pause_state(text), public.end_probe(text), public.list_pauses(),
  public.pause_generations(text, timestamptz, text), public.resume_generations(text, boolean), public.list_workers()
  to service_role;
