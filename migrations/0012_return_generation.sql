-- return_generation: processing -> pending, by the worker that holds the claim; to canceled if that was asked for.
--
-- One way back for all reasons. p_failure: it counts as one of the failures that settings allow (a retry); false for
-- a quota hold and a hand-back at shutdown. p_billed: whether this claim's call may have been billed. p_delay_ms: not
-- to be released before. p_error: why, kept on the row until the next end. No row: the claim was lost, or this report
-- has arrived before: nothing is left to do.
create or replace function public.return_generation(
  p_id uuid, p_claim_id uuid, p_failure boolean, p_billed boolean, p_delay_ms integer, p_error jsonb default null,
  p_usage jsonb default null, p_cost_usd numeric default null
) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_row public.generated_images;
begin
  update public.generated_images g
  set status = case when g.cancel_requested_at is null then 'pending' else 'canceled' end,
      completed_at = case when g.cancel_requested_at is not null then now() end,
      released_at = null,
      not_before = now() + coalesce(p_delay_ms, 0) * interval '1 millisecond',
      claim_id = null, worker_id = null,
      failures = g.failures + p_failure::integer,
      billable_calls = g.billable_calls - case when p_billed then 0 else 1 end,
      error = coalesce(p_error, g.error),
      usage = public.add_usage(g.usage, p_usage),
      cost_usd = case when p_cost_usd is null then g.cost_usd else coalesce(g.cost_usd, 0) + p_cost_usd end
  where g.id = p_id and g.claim_id = p_claim_id and g.status = 'processing'
  returning * into v_row;
  if not found then
    return;
  end if;
  if p_billed and p_failure then
    perform public.end_probe(v_row.model);
  end if;
  return next to_jsonb(v_row);
end
$$;

-- hold_calls: no call of a model ('model:' and its id) or of the whole 'project' for p_seconds, for all workers. The
-- later of the old and the new end counts.
create or replace function public.hold_calls(p_scope text, p_seconds double precision, p_reason text) returns void
language sql security invoker set search_path = ''
as $$
  insert into public.pauses as p (scope, until, reason)
  values (p_scope, now() + make_interval(secs => p_seconds), p_reason)
  on conflict (scope) do update
  set until = greatest(p.until, excluded.until),
      reason = case when excluded.until > p.until then excluded.reason else p.reason end
$$;
revoke execute on function
  public.return_generation(uuid, uuid, boolean, boolean, integer, jsonb, jsonb, numeric),
  public.hold_calls(text, double precision, text) from public, anon, authenticated;
grant execute on function
  public.return_generation(uuid, uuid, boolean, boolean, integer, jsonb, jsonb, numeric),
  public.hold_calls(text, double precision, text) to service_role;
