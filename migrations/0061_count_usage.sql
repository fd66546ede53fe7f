-- Usage: how many images were accepted and how they ended, what they took and cost, right to the row and without ever
-- reading generated_images.
--
-- Every transition appends a delta in its own transaction; fold_usage adds deltas to counters of a day, a few thousand at a
-- time, and reads add up both. Nobody updates a counter but the one process that folds: transitions of one user would
-- wait for each other at it, and, as they hold rows and lanes by then, in an order that ends in deadlocks. An append
-- waits for nobody, and takes 0.2 ms of a submit and of an end, 6 to 14 ms of a thousand images.
--
-- An image counts for the UTC day, user and settings that it was created with, whenever it ends: so what was accepted
-- and what became of it stand in one place, and what is still open is their difference. For which dataset it counts
-- stays when the dataset is deleted (usage_dataset_id), and what was used stays when the image, or its user, is.
--
-- What belongs to a batch counts once that is sealed, at one stroke: its deltas name it, and are passed over until then,
-- or dropped with it.

alter table public.generated_images add column if not exists usage_dataset_id uuid;
comment on column public.generated_images.usage_dataset_id is 'The dataset that it counts for, once that was deleted.';

-- outcome: 'accepted'; 'succeeded', 'failed', 'canceled', 'expired'; 'removed', gone with its user before it ended; 'deleted',
-- by its owner, beside how it ended. Tokens, calls and costs stand with the end.
create table if not exists public.usage_deltas (
  id bigint generated always as identity primary key,
  batch_id uuid,
  day date not null,
  user_id uuid,
  dataset_id uuid,
  style text,
  aspect_ratio text,
  quality text,
  model text,
  outcome text not null,
  images bigint not null,
  regenerations bigint not null default 0,
  calls bigint not null default 0,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  total_tokens bigint not null default 0,
  estimated_cost_usd numeric not null default 0,
  cost_usd numeric not null default 0,
  priced_estimate_usd numeric not null default 0,
  unpriced bigint not null default 0,
  queue_times jsonb,
  total_times jsonb
);
comment on column public.usage_deltas.regenerations is 'Of the images those that were made from another one again.';
comment on column public.usage_deltas.calls is 'Calls of the model that may have been billed.';
comment on column public.usage_deltas.priced_estimate_usd is 'What those were estimated at whose cost is known.';
comment on column public.usage_deltas.unpriced is 'Images that may have cost something of which nobody knows how much.';
comment on column public.usage_deltas.queue_times is 'Images by usage_bucket of the time until a worker took them.';

-- scope: the user; 00000000-… what has no user; ffffffff-… all together, without their datasets, so that a question about
-- everybody does not read as many rows as there are users.
create table if not exists public.usage_daily (
  scope uuid not null,
  day date not null,
  style text,
  dataset_id uuid,
  aspect_ratio text,
  quality text,
  model text,
  outcome text not null,
  images bigint not null,
  regenerations bigint not null,
  calls bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  total_tokens bigint not null,
  estimated_cost_usd numeric not null,
  cost_usd numeric not null,
  priced_estimate_usd numeric not null,
  unpriced bigint not null,
  queue_times jsonb,
  total_times jsonb
);
create unique index if not exists idx_usage_daily_key on public.usage_daily
  (scope, day, style, dataset_id, aspect_ratio, quality, model, outcome) nulls not distinct;
create index if not exists idx_usage_daily_users on public.usage_daily (day)
  where scope <> 'ffffffff-ffff-ffff-ffff-ffffffffffff';

-- Triggers that run as the owner append; service_role folds and reads.
alter table public.usage_deltas enable row level security;
alter table public.usage_daily enable row level security;
revoke all on public.usage_deltas, public.usage_daily from public, anon, authenticated, service_role;
grant select, delete on public.usage_deltas to service_role;
grant select, insert, update on public.usage_daily to service_role;
revoke all on sequence public.usage_deltas_id_seq from public, anon, authenticated, service_role;

-- usage_bucket: a time as one of the classes that are counted: from 1.2^n ms to below 1.2^(n+1). What is told is the middle
-- of a class, which is at most 9.6 % off.
create or replace function public.usage_bucket(p_time interval) returns integer
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return floor(ln(greatest(extract(epoch from p_time)::double precision * 1000, 1)) / ln(1.2::double precision));
end
$$;

-- sum_counts: {"class": count} of many, added. Null for none.
create or replace function public.sum_counts(p_counts jsonb[]) returns jsonb
language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return (
    select jsonb_object_agg(one.key, one.n) from (
      select c.key, sum(c.value::bigint) as n
      from unnest(p_counts) as counts cross join lateral jsonb_each_text(counts) c
      group by c.key
    ) one
  );
end
$$;

-- usage_delta: what one image adds by this outcome.
create or replace function public.usage_delta(p_row public.generated_images, p_outcome text) returns public.usage_deltas
language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_ended constant boolean := p_outcome not in ('accepted', 'deleted');
  v_priced constant boolean := v_ended and p_row.cost_usd is not null;
  d public.usage_deltas;
begin
  d.batch_id := p_row.batch_id;
  d.day := (p_row.created_at at time zone 'UTC')::date;
  d.user_id := p_row.user_id;
  d.dataset_id := coalesce(p_row.usage_dataset_id, p_row.dataset_id);
  d.style := p_row.style;
  d.aspect_ratio := p_row.aspect_ratio;
  d.quality := p_row.quality;
  d.model := p_row.model;
  d.outcome := p_outcome;
  d.images := 1;
  d.regenerations := (p_outcome = 'accepted' and p_row.parent_id is not null)::integer;
  d.calls := case when v_ended then p_row.billable_calls else 0 end;
  d.input_tokens := case when v_ended then coalesce((p_row.usage ->> 'input_tokens')::bigint, 0) else 0 end;
  d.output_tokens := case when v_ended then coalesce((p_row.usage ->> 'output_tokens')::bigint, 0) else 0 end;
  d.total_tokens := case when v_ended then coalesce((p_row.usage ->> 'total_tokens')::bigint, 0) else 0 end;
  d.estimated_cost_usd := case when p_outcome <> 'deleted' then coalesce(p_row.estimated_cost_usd, 0) else 0 end;
  d.cost_usd := case when v_priced then p_row.cost_usd else 0 end;
  d.priced_estimate_usd := case when v_priced then coalesce(p_row.estimated_cost_usd, 0) else 0 end;
  -- A succeeded image without a call is one that the service before this one made.
  d.unpriced := (v_ended and not v_priced and (p_row.billable_calls > 0 or p_outcome = 'succeeded'))::integer;
  if v_ended and p_row.started_at is not null then
    d.queue_times := jsonb_build_object(public.usage_bucket(p_row.started_at - p_row.created_at), 1);
    if p_outcome = 'succeeded' then
      d.total_times := jsonb_build_object(public.usage_bucket(p_row.completed_at - p_row.created_at), 1);
    end if;
  end if;
  return d;
end
$$;

-- Of a statement that inserts a thousand images one delta for each kind of them. The service before this one inserts images
-- that have ended.
create or replace function public.count_generation_insert() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  insert into public.usage_deltas (
    batch_id, day, user_id, dataset_id, style, aspect_ratio, quality, model, outcome, images, regenerations,
    estimated_cost_usd
  )
  select a.batch_id, (a.created_at at time zone 'UTC')::date, a.user_id, a.dataset_id, a.style, a.aspect_ratio, a.quality,
    a.model, 'accepted', count(*), count(a.parent_id), coalesce(sum(a.estimated_cost_usd), 0)
  from added a
  group by 1, 2, 3, 4, 5, 6, 7, 8;
  if exists (select from added a where a.status not in ('pending', 'processing')) then
    perform public.append_usage(g, g.status)
    from added a join public.generated_images g on g.id = a.id where a.status not in ('pending', 'processing');
  end if;
  return null;
end
$$;

-- append_usage: the delta of one image by this outcome.
create or replace function public.append_usage(p_row public.generated_images, p_outcome text) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  d public.usage_deltas := public.usage_delta(p_row, p_outcome);
begin
  insert into public.usage_deltas (
    batch_id, day, user_id, dataset_id, style, aspect_ratio, quality, model, outcome, images, regenerations, calls,
    input_tokens, output_tokens, total_tokens, estimated_cost_usd, cost_usd, priced_estimate_usd, unpriced, queue_times,
    total_times
  ) values (
    d.batch_id, d.day, d.user_id, d.dataset_id, d.style, d.aspect_ratio, d.quality, d.model, d.outcome, d.images,
    d.regenerations, d.calls, d.input_tokens, d.output_tokens, d.total_tokens, d.estimated_cost_usd, d.cost_usd,
    d.priced_estimate_usd, d.unpriced, d.queue_times, d.total_times
  );
end
$$;

create or replace function public.count_generation_end() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if old.status in ('pending', 'processing') and new.status not in ('pending', 'processing') then
    perform public.append_usage(new, new.status);
  end if;
  if old.deleted_at is null and new.deleted_at is not null then
    perform public.append_usage(new, 'deleted');
  end if;
  return null;
end
$$;

create or replace function public.count_generation_removal() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform public.append_usage(old, 'removed');
  return null;
end
$$;

-- guard_generated_image: as in 0004; an image whose dataset is deleted goes on counting for it.
create or replace function public.guard_generated_image() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if new.status <> old.status and old.status in ('succeeded', 'failed', 'canceled', 'expired') then
    raise exception 'generated image % has ended as % and cannot become %', old.id, old.status, new.status;
  end if;
  if new.status in ('succeeded', 'canceled') then
    new.error := null;
  end if;
  if new.dataset_id is null and old.dataset_id is not null then
    new.usage_dataset_id := old.dataset_id;
  end if;
  new.updated_at := now();
  new.status_sequence := old.status_sequence;
  if (new.status, new.attempt, new.image_url, new.dataset_id, new.error, new.warnings,
      new.cancel_requested_at, new.deleted_at, new.thumbnail_path, new.cost_usd)
    is distinct from
     (old.status, old.attempt, old.image_url, old.dataset_id, old.error, old.warnings,
      old.cancel_requested_at, old.deleted_at, old.thumbnail_path, old.cost_usd)
  then
    new.status_sequence := old.status_sequence + 1;
  end if;
  return new;
end
$$;

-- The images that are there already. Nothing is written while they are counted, half a minute for a million of them, so that
-- each counts once: here, or by the triggers.
lock table public.generated_images in share row exclusive mode;
do $$
begin
  if exists (select from pg_catalog.pg_trigger where tgname = 'count_generation_insert') then
    return;
  end if;
  insert into public.usage_deltas (
    batch_id, day, user_id, dataset_id, style, aspect_ratio, quality, model, outcome, images, regenerations, calls,
    input_tokens, output_tokens, total_tokens, estimated_cost_usd, cost_usd, priced_estimate_usd, unpriced, queue_times,
    total_times
  )
  select b.id, d.day, d.user_id, d.dataset_id, d.style, d.aspect_ratio, d.quality, d.model, d.outcome, sum(d.images),
    sum(d.regenerations), sum(d.calls), sum(d.input_tokens), sum(d.output_tokens), sum(d.total_tokens),
    sum(d.estimated_cost_usd), sum(d.cost_usd), sum(d.priced_estimate_usd), sum(d.unpriced),
    public.sum_counts(array_agg(d.queue_times) filter (where d.queue_times is not null)),
    public.sum_counts(array_agg(d.total_times) filter (where d.total_times is not null))
  from public.generated_images g
  left join public.batches b on b.id = g.batch_id and b.sealed_at is null
  cross join lateral unnest(
    array['accepted']
    || case when g.status in ('pending', 'processing') then '{}' else array[g.status] end
    || case when g.deleted_at is null then '{}' else array['deleted'] end
  ) o (outcome)
  cross join lateral public.usage_delta(g, o.outcome) d
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9;
end
$$;

create or replace trigger count_generation_insert after insert on public.generated_images
  referencing new table as added for each statement execute function public.count_generation_insert();
create or replace trigger count_generation_end after update of status, deleted_at on public.generated_images
  for each row when (
    (old.status in ('pending', 'processing') and new.status not in ('pending', 'processing'))
    or (old.deleted_at is null and new.deleted_at is not null)
  ) execute function public.count_generation_end();
create or replace trigger count_generation_removal after delete on public.generated_images
  for each row when (old.status in ('pending', 'processing')) execute function public.count_generation_removal();

revoke execute on function public.usage_bucket(interval), public.sum_counts(jsonb[]),
  public.usage_delta(public.generated_images, text), public.append_usage(public.generated_images, text),
  public.count_generation_insert(), public.count_generation_end(), public.count_generation_removal(),
  public.guard_generated_image() from public, anon, authenticated;
grant execute on function public.usage_bucket(interval), public.sum_counts(jsonb[]),
  public.usage_delta(public.generated_images, text), public.append_usage(public.generated_images, text)
  to service_role;
