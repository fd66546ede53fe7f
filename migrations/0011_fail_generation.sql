-- fail_generation: processing -> failed, by the worker that holds the claim.
--
-- p_error: {"code", "message", "retryable", "upstream"}. p_billed: whether this claim's call may have been billed.
-- p_usage and p_cost_usd are this call's, null where unknown. Answers the row, again to the same claim. No row: lost.
create or replace function public.fail_generation(
  p_id uuid, p_claim_id uuid, p_error jsonb, p_billed boolean, p_usage jsonb default null, p_cost_usd numeric default null
) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_row public.generated_images;
begin
  update public.generated_images g
  set status = 'failed', completed_at = now(),
      error_code = p_error ->> 'code',
      error = p_error,
      failures = g.failures + 1,
      billable_calls = g.billable_calls - case when p_billed then 0 else 1 end,
      usage = public.add_usage(g.usage, p_usage),
      cost_usd = case when p_cost_usd is null then g.cost_usd else coalesce(g.cost_usd, 0) + p_cost_usd end
  where g.id = p_id and g.claim_id = p_claim_id and g.status = 'processing'
  returning * into v_row;
  if found and p_billed then
    perform public.end_probe(v_row.model);
  end if;

  return query select to_jsonb(g) from public.generated_images g
  where g.id = p_id and g.claim_id = p_claim_id and g.status = 'failed';
end
$$;
revoke execute on function public.fail_generation(uuid, uuid, jsonb, boolean, jsonb, numeric)
  from public, anon, authenticated;
grant execute on function public.fail_generation(uuid, uuid, jsonb, boolean, jsonb, numeric) to service_role;
