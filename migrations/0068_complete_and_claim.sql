-- complete_and_claim_generations: what complete_generations and claim_generations do, in one call, for a worker some of
-- whose jobs end while others begin. p_images and p_claims are as theirs.
--
-- Answers {"completed": what complete_generations answers, "claimed": what claim_generations answers}. What either is
-- refused for undoes both. Completions come first, since they may end the probe that the claims would be left for.
--
-- No row is written twice: what is completed is never pending again. Neither function waits for a lock, so both in one
-- transaction wait for none either.
create or replace function public.complete_and_claim_generations(p_worker_id uuid, p_images jsonb, p_claims jsonb)
returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_completed jsonb := public.complete_generations(p_images);
  v_claimed jsonb := public.claim_generations(p_worker_id, p_claims);
begin
  return jsonb_build_object('completed', v_completed, 'claimed', v_claimed);
end
$$;
revoke execute on function public.complete_and_claim_generations(uuid, jsonb, jsonb) from public, anon, authenticated;
grant execute on function public.complete_and_claim_generations(uuid, jsonb, jsonb) to service_role;
