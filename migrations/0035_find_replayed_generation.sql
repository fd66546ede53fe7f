-- find_replayed_generation: the image that an Idempotency-Key has made of this very request within 24 hours, also a
-- deleted one. Changes nothing. For repeated requests that can no longer become a row, since the dataset that they name
-- has gone; every other one learns of its image by submit_generations. No row: the key is not used, or for another
-- request.
create or replace function public.find_replayed_generation(p_scope text, p_key text, p_request_hash text)
returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select public.generation_with_place(g)
  from public.idempotency_keys k join public.generated_images g on g.id = k.image_id
  where k.scope = p_scope and k.key = p_key and k.request_hash = p_request_hash
    and k.created_at >= now() - interval '24 hours'
$$;
revoke execute on function public.find_replayed_generation(text, text, text) from public, anon, authenticated;
grant execute on function public.find_replayed_generation(text, text, text) to service_role;
