-- search_generations: as in 0025, without the images of batches that are not sealed. Those are few, and hashed once a call.
create or replace function public.search_generations(
  p_user_id uuid, p_filter jsonb, p_limit integer, p_admin boolean default false, p_offset integer default 0,
  p_cursor_created_at timestamptz default null, p_cursor_id uuid default null, p_ascending boolean default false,
  p_include_total boolean default false
) returns jsonb
language plpgsql stable security invoker set search_path = ''
set enable_seqscan = off set enable_bitmapscan = off set enable_incremental_sort = off
set max_parallel_workers_per_gather = 0 set random_page_cost = 1.1
as $$
declare
  c_window constant integer := 10000;
  c_count constant integer := 100000;
  c_known constant text[] := array['dataset_id', 'statuses', 'batch_id', 'root_id', 'style', 'model', 'ids', 'user_id',
    'created_after', 'created_before', 'metadata', 'q'];
  v_limit integer := least(greatest(p_limit, 1), 1000);
  f record;
  v_user text;
  v_rows text;
  v_cursor text;
  v_order text;
  v_text text;
  v_page text;
  v_end text := 'null::jsonb';
  v_total text := 'null::jsonb';
  v_items jsonb;
  v_next jsonb;
  v_count jsonb;
begin
  if p_filter - c_known <> '{}' then
    raise exception 'unknown filter: %', p_filter - c_known using errcode = '22023';
  end if;
  select * into f from jsonb_to_record(p_filter) as r (
    dataset_id uuid, statuses text[], batch_id uuid, root_id uuid, style text, model text, ids uuid[], user_id uuid,
    created_after timestamptz, created_before timestamptz, metadata jsonb, q text
  );

  v_user := case
      when p_admin and f.user_id is null then 'attempt >= 0'
      when p_admin then 'true'
      when p_user_id is null then 'user_id is null'
      else 'user_id = $1'
    end
    || case when f.user_id is not null then ' and user_id = $2' else '' end;
  v_rows := case when f.root_id is null then 'public.generated_images' else
      '(select * from public.generated_images where root_id = $6 and root_id <> id'
      || ' union all select * from public.generated_images where id = $6 and root_id = id) lineage'
    end
    || ' where deleted_at is null'
    || ' and (batch_id is null or batch_id not in (select b.id from public.batches b where b.sealed_at is null)) and '
    || case when f.ids is null then v_user else '(' || v_user || ') is true' end
    || case when f.dataset_id is not null then ' and dataset_id = $3' else '' end
    || case when cardinality(f.statuses) = 1 then ' and status = ($4)[1]'
      when f.statuses is not null then ' and status = any ($4)' else '' end
    || case when f.batch_id is not null then ' and batch_id = $5' else '' end
    || case when f.style is not null then ' and style = $7' else '' end
    || case when f.model is not null then ' and model = $8' else '' end
    || case when f.created_after is not null then ' and created_at >= $9' else '' end
    || case when f.created_before is not null then ' and created_at < $10' else '' end
    || case when f.ids is not null then ' and id = any ($11)' else '' end;
  v_cursor := case when p_cursor_id is null then '' when p_ascending then ' and (created_at, id) > ($14, $15)'
    else ' and (created_at, id) < ($14, $15)' end;
  v_order := case when p_ascending then ' order by created_at, id' else ' order by created_at desc, id desc' end;
  v_text := case when f.metadata is not null and f.metadata <> '{}' then ' and metadata @> $12' else '' end
    || case when f.q <> '' then ' and strpos(lower(prompt), lower($13)) > 0' else '' end;

  v_page := 'select * from ' || v_rows || v_cursor || v_order;
  if v_text <> '' then
    v_end := format('(select jsonb_build_object(''created_at'', created_at, ''id'', id) from %s offset %s limit 1)',
      v_rows || v_cursor || v_order, c_window - 1);
    v_page := format('select * from (%s limit %s) seen where true %s %s', v_page, c_window, v_text, v_order);
  end if;
  if p_include_total then
    v_total := format(
      '(select jsonb_build_object(''total'', count(*) filter (where true %s), ''total_complete'', count(*) < %s)'
      || ' from (select * from %s %s limit %2$s) seen)',
      v_text, case v_text when '' then c_count else c_window end, v_rows, case when v_text <> '' then v_order end
    );
  end if;
  execute format(
    'select (select coalesce(jsonb_agg(public.generation_with_place(page) %s), ''[]'')'
    || ' from (%s limit $16 + 1 offset $17) page), %s, %s', v_order, v_page, v_end, v_total)
  into v_items, v_next, v_count
  using p_user_id, f.user_id, f.dataset_id, f.statuses, f.batch_id, f.root_id, f.style, f.model, f.created_after,
    f.created_before, f.ids, f.metadata, f.q, p_cursor_created_at, p_cursor_id, v_limit, p_offset;

  if jsonb_array_length(v_items) > v_limit then
    v_items := v_items - v_limit;
    v_next := jsonb_build_object(
      'created_at', v_items -> v_limit - 1 -> 'created_at', 'id', v_items -> v_limit - 1 -> 'id'
    );
  end if;
  return '{"total": null, "total_complete": null}' || coalesce(v_count, '{}')
    || jsonb_build_object('items', v_items, 'next', v_next);
end
$$;

revoke execute on function
  public.search_generations(uuid, jsonb, integer, boolean, integer, timestamptz, uuid, boolean, boolean)
  from public, anon, authenticated;
grant execute on function
  public.search_generations(uuid, jsonb, integer, boolean, integer, timestamptz, uuid, boolean, boolean) to service_role;
