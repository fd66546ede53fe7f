-- seal_batch, as in 0036, but
-- - it looks for the twin before it looks for room: a batch that was accepted is told again to whoever lost the answer,
--   however many rows wait meanwhile;
-- - rows of sealed batches that have yet to be admitted take up room too.
--
-- Answers {"outcome", "id"}: 'sealed' (also when it was before); 'replayed', with the batch that the same Idempotency-Key
-- has sealed before from the same request; 'key_reused', the same from another request; 'queue_full', for max_pending rows
-- would wait in its lane; 'incomplete'; 'gone'. All but the first leave it unsealed, to be discarded.
-- p_request_hash: of a request that was only whole at its end. Locks the batch.
create or replace function public.seal_batch(p_batch_id uuid, p_total integer, p_request_hash text default null) returns jsonb
language plpgsql security invoker set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_batch public.batches;
  v_twin public.batches;
  v_total integer;
  v_cost numeric;
  v_hash text;
begin
  select * into v_batch from public.batches b where b.id = p_batch_id for update;
  if not found then
    return '{"outcome": "gone"}';
  end if;
  v_hash := coalesce(p_request_hash, v_batch.request_hash);
  if v_batch.sealed_at is not null then
    return jsonb_build_object('outcome', 'sealed', 'id', p_batch_id);
  end if;
  select count(*), coalesce(sum(g.estimated_cost_usd), 0) into v_total, v_cost
  from public.generated_images g where g.batch_id = p_batch_id;
  if v_total <> p_total then
    return '{"outcome": "incomplete"}';
  end if;
  if v_batch.idempotency_key is not null then
    update public.batches b set idempotency_key = null
    where b.idempotency_scope = v_batch.idempotency_scope and b.idempotency_key = v_batch.idempotency_key
      and b.sealed_at < now() - interval '24 hours';
  end if;
  -- Only the seal finds out for sure that there is no twin, so the look for room comes after it; 23P01 undoes the seal.
  begin
    update public.batches b
    set sealed_at = now(), total = v_total, estimated_cost_usd = v_cost, request_hash = v_hash,
        admitted_at = case when v_total = 0 then now() end
    where b.id = p_batch_id;
    -- In one statement, so that a row which is being admitted counts once. The batch itself is among those.
    if (
      (select coalesce(sum(l.waiting), 0) from public.lanes l where l.lane_key = v_batch.lane_key)
      + (
        select count(*) from public.batches b join public.generated_images g on g.batch_id = b.id
        where b.sealed_at is not null and b.ended_at is null and b.admitted_at is null and b.canceled_at is null
          and b.lane_key = v_batch.lane_key and g.status = 'pending' and g.not_before = 'infinity'
      )
      > (select s.max_pending from public.settings s)
    ) then
      raise exclusion_violation;
    end if;
  exception
    when exclusion_violation then
      return '{"outcome": "queue_full"}';
    when unique_violation then
      select * into v_twin from public.batches b
      where b.idempotency_scope = v_batch.idempotency_scope and b.idempotency_key = v_batch.idempotency_key
        and b.sealed_at is not null;
      return jsonb_build_object(
        'outcome', case when v_twin.request_hash = v_hash then 'replayed' else 'key_reused' end, 'id', v_twin.id
      );
  end;
  return jsonb_build_object('outcome', 'sealed', 'id', p_batch_id);
end
$$;
