-- What streams of events ask, and the list of datasets, are read in their order from the index and stop where enough was
-- found, whatever the planner takes a page or a caller's rows for. By a sample of rows it may think that a caller has few;
-- it reads and sorts all of them then, and a caller may have as many as there are.
alter function public.list_changes(jsonb) set enable_seqscan = off;
alter function public.list_changes(jsonb) set enable_bitmapscan = off;
alter function public.list_changes(jsonb) set jit = off;
alter function public.get_event_snapshot(text, uuid, integer) set enable_seqscan = off;
alter function public.get_event_snapshot(text, uuid, integer) set enable_bitmapscan = off;
alter function public.get_event_snapshot(text, uuid, integer) set jit = off;
alter function public.list_datasets(uuid, boolean, integer, timestamptz, uuid) set enable_seqscan = off;
alter function public.list_datasets(uuid, boolean, integer, timestamptz, uuid) set enable_bitmapscan = off;
alter function public.list_datasets(uuid, boolean, integer, timestamptz, uuid) set jit = off;
