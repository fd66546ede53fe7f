-- Which prompts are popular, by owner, without reading generated_images from end to end.
--
-- As usage (0061), transitions append, and one process at a time adds up: here who uses a prompt now, so what is deleted
-- is taken off again, and the text goes with the last image that holds it, or with its user. A delta names images, not
-- their texts; those are read when it is folded, a few seconds later, and what is gone by then is left out.

create table if not exists public.prompt_deltas (
  id bigint generated always as identity primary key,
  batch_id uuid,
  image_ids uuid[] not null,
  uses integer not null,
  images integer not null,
  cost_usd numeric not null,
  -- Of images that are there no more, instead of image_ids.
  owner uuid,
  hash uuid,
  -- Whether this user is still there is to be looked at; the delta has nothing else.
  left_user_id uuid
);

-- owner: the user; 00000000-… what has no user; ffffffff-… all together. prompt is normalized (normal_prompt), so it is the
-- same text for whoever holds it, and cut after 1,000 characters; hash is of all of it.
create table if not exists public.prompt_counts (
  owner uuid not null,
  hash uuid not null,
  prompt text not null,
  uses bigint not null,
  images bigint not null,
  cost_usd numeric not null,
  last_used_at timestamptz not null,
  primary key (owner, hash)
);
create index if not exists idx_prompt_counts_popular on public.prompt_counts (owner, uses desc, last_used_at desc, hash);

alter table public.prompt_deltas enable row level security;
alter table public.prompt_counts enable row level security;
revoke all on public.prompt_deltas, public.prompt_counts from public, anon, authenticated, service_role;
grant select, delete on public.prompt_deltas to service_role;
grant select, insert, update, delete on public.prompt_counts to service_role;
revoke all on sequence public.prompt_deltas_id_seq from public, anon, authenticated, service_role;

-- normal_prompt: without capitals, and with one space wherever there is white space.
create or replace function public.normal_prompt(p_prompt text) returns text
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return lower(btrim(regexp_replace(p_prompt, '\s+', ' ', 'g')));
end
$$;

-- At most a thousand images a delta, so that none takes too long to fold, whoever inserts how many at once.
create or replace function public.count_prompt_insert() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  insert into public.prompt_deltas (batch_id, image_ids, uses, images, cost_usd)
  select a.batch_id, array_agg(a.id), 1, a.images, 0
  from (
    select n.id, n.batch_id, (n.status = 'succeeded')::integer as images, (row_number() over () - 1) / 1000 as chunk from added n
  ) a
  group by a.batch_id, a.images, a.chunk;
  return null;
end
$$;

-- What is deleted before it has ended has been taken off by then, and adds nothing when it does end.
create or replace function public.count_prompt_change() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_ended constant boolean := new.deleted_at is null and old.status in ('pending', 'processing');
begin
  insert into public.prompt_deltas (batch_id, image_ids, uses, images, cost_usd) values (
    new.batch_id, array[new.id], case when v_ended then 0 else -1 end,
    case when v_ended then 1 else -1 end * ((case when v_ended then new.status else old.status end) = 'succeeded')::integer,
    case when v_ended then coalesce(new.cost_usd, 0)
      when old.status in ('pending', 'processing') then 0
      else -coalesce(old.cost_usd, 0) end
  );
  return null;
end
$$;

-- prompt_hash: what prompts are told apart by.
create or replace function public.prompt_hash(p_prompt text) returns uuid
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return md5(public.normal_prompt(p_prompt))::uuid;
end
$$;

-- Rows go altogether with their user, whose prompts all go then; a month after they were deleted, when nothing is left to
-- be taken off; with a batch that was never sealed, and counted; or by hand. Of one that goes by hand before it was counted
-- one too many is taken off, which at the worst forgets a prompt.
create or replace function public.count_prompt_removal() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_users constant uuid[] := array(select distinct r.user_id from removed r where r.user_id is not null);
  -- Asked once for each, not for each row.
  v_left constant uuid[] := array(select u from unnest(v_users) u where public.webhook_user_state(u) = 'gone');
begin
  insert into public.prompt_deltas (image_ids, uses, images, cost_usd, left_user_id)
  select '{}', 0, 0, 0, u from unnest(v_users) u;
  insert into public.prompt_deltas (batch_id, image_ids, uses, images, cost_usd, owner, hash)
  select r.batch_id, '{}', -count(*), -count(*) filter (where r.status = 'succeeded'),
    -coalesce(sum(r.cost_usd) filter (where r.status not in ('pending', 'processing')), 0),
    coalesce(r.user_id, '00000000-0000-0000-0000-000000000000'), public.prompt_hash(r.prompt)
  from removed r
  where r.deleted_at is null
    and (r.batch_id is null or not exists (select from public.batches b where b.id = r.batch_id and b.sealed_at is null))
    and (r.user_id is null or r.user_id <> all (v_left))
  group by r.batch_id, r.user_id, public.prompt_hash(r.prompt);
  return null;
end
$$;

-- The images that are there already; nothing is written meanwhile.
lock table public.generated_images in share row exclusive mode;
do $$
begin
  if exists (select from pg_catalog.pg_trigger where tgname = 'count_prompt_insert') then
    return;
  end if;
  insert into public.prompt_deltas (batch_id, image_ids, uses, images, cost_usd)
  select n.batch_id, array_agg(n.id), 1, n.images, n.cost
  from (
    select k.*, (row_number() over (partition by k.batch_id, k.images, k.cost) - 1) / 1000 as chunk
    from (
      select g.id, g.batch_id, (g.status = 'succeeded')::integer as images,
        case when g.status in ('pending', 'processing') then 0 else coalesce(g.cost_usd, 0) end as cost
      from public.generated_images g where g.deleted_at is null
    ) k
  ) n
  group by n.batch_id, n.images, n.cost, n.chunk;
end
$$;

create or replace trigger count_prompt_insert after insert on public.generated_images
  referencing new table as added for each statement execute function public.count_prompt_insert();
create or replace trigger count_prompt_change after update of status, deleted_at on public.generated_images
  for each row when (
    (old.deleted_at is null and new.deleted_at is not null)
    or (new.deleted_at is null and old.status in ('pending', 'processing') and new.status not in ('pending', 'processing'))
  ) execute function public.count_prompt_change();
create or replace trigger count_prompt_removal after delete on public.generated_images
  referencing old table as removed for each statement execute function public.count_prompt_removal();

-- fold_prompts: deltas -> counts, the oldest, of 2,000 images at most. Answers how many deltas; more than 0: ask again. One at a
-- time: who comes meanwhile folds nothing.
--
-- An owner has 2,000 prompts at most, all together 20,000: beyond that those are forgotten that were used least, the longest
-- ago; one that comes again begins anew.
create or replace function public.fold_prompts() returns integer
language plpgsql security invoker set search_path = ''
as $$
declare
  c_everybody constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  c_images constant integer := 2000;
  v_taken public.prompt_deltas[];
  v_owners uuid[];
  v_left uuid[];
begin
  if not pg_try_advisory_xact_lock(727001, 5) then
    return 0;
  end if;
  with taken as (
    delete from public.prompt_deltas d where d.id in (
      select o.id from (
        select c.id, sum(cardinality(c.image_ids)) over (order by c.id) as images from public.prompt_deltas c
        where c.batch_id is null
          or not exists (select from public.batches b where b.id = c.batch_id and b.sealed_at is null)
        order by c.id limit 1000
      ) o where o.images <= c_images
    )
    returning *
  )
  select array_agg(t order by t.id) into v_taken from taken t;
  if v_taken is null then
    return 0;
  end if;

  with changed as materialized (
    select coalesce(g.user_id, '00000000-0000-0000-0000-000000000000') as owner, null::uuid as hash,
      public.normal_prompt(g.prompt) as prompt, t.uses, t.images, t.cost_usd, g.created_at
    from unnest(v_taken) t cross join lateral unnest(t.image_ids) i (id) join public.generated_images g on g.id = i.id
    union all
    select t.owner, t.hash, null, t.uses, t.images, t.cost_usd, null from unnest(v_taken) t where t.hash is not null
  ),
  summed as (
    select o.owner, coalesce(c.hash, md5(c.prompt)::uuid) as hash, left(min(c.prompt), 1000) as prompt, sum(c.uses) as uses,
      sum(c.images) as images, sum(c.cost_usd) as cost_usd, max(c.created_at) as used_at
    from changed c cross join lateral (values (c.owner), (c_everybody)) o (owner)
    group by 1, 2
  ),
  known as (
    update public.prompt_counts p
    set uses = p.uses + s.uses, images = greatest(p.images + s.images, 0), cost_usd = greatest(p.cost_usd + s.cost_usd, 0),
        last_used_at = case when s.uses > 0 then greatest(p.last_used_at, s.used_at) else p.last_used_at end
    from summed s where p.owner = s.owner and p.hash = s.hash
    returning p.owner, p.hash
  ),
  -- What was forgotten, and is only taken off, stays so.
  added as (
    insert into public.prompt_counts (owner, hash, prompt, uses, images, cost_usd, last_used_at)
    select s.owner, s.hash, s.prompt, s.uses, greatest(s.images, 0), greatest(s.cost_usd, 0), s.used_at from summed s
    where s.uses > 0 and s.prompt is not null
      and not exists (select from public.prompt_counts p where p.owner = s.owner and p.hash = s.hash)
  )
  select array_agg(distinct s.owner) into v_owners from summed s;

  v_left := array(select distinct t.left_user_id from unnest(v_taken) t where t.left_user_id is not null);
  perform public.forget_prompts(array(
    select p from public.prompt_counts p where p.owner = any (array(
      select u from unnest(v_left) u where public.webhook_user_state(u) = 'gone'
    ))
  ));
  delete from public.prompt_counts p where p.owner = any (v_owners) and p.uses <= 0;
  perform public.forget_prompts(array(
    select l.least from unnest(v_owners) o (owner) cross join lateral (
      select e as least from public.prompt_counts e where e.owner = o.owner
      order by e.uses desc, e.last_used_at desc, e.hash
      offset case o.owner when c_everybody then 20000 else 2000 end
    ) l
  ));
  return cardinality(v_taken);
end
$$;

-- forget_prompts: takes these away, and what they added to everybody's off that: so nothing is left of who is gone.
create or replace function public.forget_prompts(p_prompts public.prompt_counts[]) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  c_everybody constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
begin
  delete from public.prompt_counts p using unnest(p_prompts) f where p.owner = f.owner and p.hash = f.hash;
  update public.prompt_counts p
  set uses = p.uses - s.uses, images = greatest(p.images - s.images, 0), cost_usd = greatest(p.cost_usd - s.cost_usd, 0)
  from (
    select f.hash, sum(f.uses) as uses, sum(f.images) as images, sum(f.cost_usd) as cost_usd
    from unnest(p_prompts) f where f.owner <> c_everybody group by 1
  ) s
  where p.owner = c_everybody and p.hash = s.hash;
  delete from public.prompt_counts p where p.owner = c_everybody and p.uses <= 0;
end
$$;

-- read_prompts: [{"prompt", "uses", "images", "cost_usd", "last_used_at"}], the most used first, p_limit at most (100). p_user_id is
-- the signed-in user; with p_admin everybody's, or those of p_of_user_id. Reads an owner's in the order of the index.
create or replace function public.read_prompts(
  p_user_id uuid, p_limit integer, p_admin boolean default false, p_of_user_id uuid default null
) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(top) - array['owner', 'hash'] order by top.uses desc, top.last_used_at desc, top.hash), '[]')
  from (
    select * from public.prompt_counts p
    where p.owner = case when not p_admin then p_user_id else coalesce(p_of_user_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff') end
      and p.uses > 0
    order by p.uses desc, p.last_used_at desc, p.hash limit least(p_limit, 100)
  ) top
$$;

revoke execute on function public.normal_prompt(text), public.count_prompt_insert(), public.count_prompt_change(),
  public.count_prompt_removal(), public.prompt_hash(text), public.fold_prompts(), public.forget_prompts(public.prompt_counts[]),
  public.read_prompts(uuid, integer, boolean, uuid) from public, anon, authenticated;
grant execute on function public.normal_prompt(text), public.prompt_hash(text), public.fold_prompts(),
  public.forget_prompts(public.prompt_counts[]),
  public.read_prompts(uuid, integer, boolean, uuid) to service_role;
