-- The tables beside generated_images that decide who works on what, and when.
--
-- None of them has a foreign key to auth.users or datasets: a transition that writes them while a user is being
-- deleted would wait for the deletion, and the deletion for the transition's row.

-- Limits that change without a restart. One row.
create table if not exists public.settings (
  singleton boolean primary key default true check (singleton),
  lease interval not null default '30 seconds' check (lease > interval '0'),
  max_failures integer not null default 5 check (max_failures > 0),
  max_billable_calls integer not null default 2 check (max_billable_calls > 0),
  cleanup_delay interval not null default '1 hour' check (cleanup_delay >= interval '0')
);
comment on column public.settings.lease is 'A worker without a beat for this long is dead. Workers beat six times as often.';
comment on column public.settings.max_billable_calls is 'Calls of one image that may have been billed; no further call is made.';
comment on column public.settings.cleanup_delay is 'How long after the end of an image its folder in Storage is looked over for stray objects.';
insert into public.settings (singleton) values (true) on conflict do nothing;

-- The liveness registry. A worker's id is new with every start of its process.
create table if not exists public.workers (
  id uuid primary key,
  host text not null,
  concurrency integer not null check (concurrency >= 0),
  started_at timestamptz not null default now(),
  beat_at timestamptz not null default now(),
  unbroken_since timestamptz not null default now(),
  missing uuid[] not null default '{}'
);
comment on column public.workers.concurrency is 'Slots; 0 while the worker drains.';
comment on column public.workers.unbroken_since is 'Since when the beats came without a gap; only then may a worker judge another one dead.';
comment on column public.workers.missing is 'Images on this worker that its last beat did not name; named twice, they go back.';

-- Who has rows waiting: one lane for each user, API key or anonymous address, and for each model in it, so that a
-- paused model costs the search for the others nothing. A row waits when it is pending, not released and has no
-- not_before; `waiting` counts those. It may count too many after a user was deleted; release puts that right.
create table if not exists public.lanes (
  lane_key text not null,
  model text not null,
  waiting integer not null default 0 check (waiting >= 0),
  last_served_at timestamptz not null default now(),
  primary key (lane_key, model)
);
create index if not exists idx_lanes_next on public.lanes (model, last_served_at, lane_key) where waiting > 0;
create index if not exists idx_lanes_idle on public.lanes (last_served_at) where waiting = 0;

-- Quota holds. scope is 'project', 'operator' or 'model:' and the model's id. A hold whose time has come stays
-- until one call went through: so long one image at a time probes.
create table if not exists public.pauses (
  scope text primary key,
  until timestamptz not null,
  reason text,
  created_at timestamptz not null default now()
);

-- Folders of the bucket generated-images that may hold an object which no row names.
create table if not exists public.storage_cleanup (
  folder text primary key,
  image_id uuid not null,
  due_at timestamptz not null
);
create index if not exists idx_storage_cleanup_due_at on public.storage_cleanup (due_at);

-- Which image an Idempotency-Key has made. scope is the caller and the path; kept for 24 hours.
create table if not exists public.idempotency_keys (
  scope text not null,
  key text not null,
  request_hash text not null,
  image_id uuid not null,
  created_at timestamptz not null default now(),
  primary key (scope, key)
);
create index if not exists idx_idempotency_keys_created_at on public.idempotency_keys (created_at);
