-- Where a batch stands, for its eta: how much of its caller's own goes out before it.

-- batch_with_counts: as in 0037, but `next` is of an image that has not ended and tells besides its model and resolution
-- `ahead`, how many of the caller's images wait in front of the batch, and `released`, how many of its own are on their way
-- to a worker. What was accepted before the batch is older than it, by their ids (RFC 9562, 5.7). More than a thousand are
-- not counted: then all that waits stands in front but the batch itself.
create or replace function public.batch_with_counts(p_batch public.batches) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', p_batch.id, 'user_id', p_batch.user_id, 'lane_key', p_batch.lane_key, 'name', p_batch.name, 'metadata', p_batch.metadata,
    'parent_id', p_batch.parent_id, 'total', p_batch.total, 'estimated_cost_usd', p_batch.estimated_cost_usd,
    'created_at', p_batch.created_at, 'canceled_at', p_batch.canceled_at, 'ended_at', p_batch.ended_at,
    'counts', c.counts,
    'next', case when p_batch.ended_at is null then (
      select jsonb_build_object('model', g.model, 'resolution', g.resolution, 'released', (
        select count(*) from public.generated_images r
        where r.lane_key = p_batch.lane_key and r.released_at is not null and r.status in ('pending', 'processing')
          and r.status = 'pending' and r.batch_id = p_batch.id
      ), 'ahead', (
        select coalesce(case
          when sum(before.n) <= 1000 then sum(before.n)
          else greatest(1000, sum(before.waiting) - (c.counts ->> 'pending')::bigint)
        end, 0)
        from (
          select l.waiting, (
            select count(*) from (
              select from public.generated_images w
              where w.lane_key = l.lane_key and w.model = l.model and w.id < p_batch.id
                and w.batch_id is distinct from p_batch.id and w.status = 'pending' and w.released_at is null and w.not_before is null
              limit 1001
            ) bounded
          ) as n
          from public.lanes l where l.lane_key = p_batch.lane_key
        ) before
      ))
      from public.generated_images g
      where g.batch_id = p_batch.id and g.status in ('pending', 'processing') limit 1
    ) end
  )
  from (select coalesce(p_batch.counts, public.batch_counts(p_batch.id)) as counts) c
$$;

revoke execute on function public.batch_with_counts(public.batches) from public, anon, authenticated;
grant execute on function public.batch_with_counts(public.batches) to service_role;
