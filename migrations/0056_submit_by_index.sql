-- submit_generations finds its rows by index from the first day on. A connection keeps the plan that it has made while there
-- were no rows yet, and read all of them with every submit until the table was analyzed: after 8,000 rows it took twice as
-- long. Without seqscan the planner's costs mean nothing, so nothing is compiled for them.
alter function public.submit_generations(jsonb) set enable_seqscan = off;
alter function public.submit_generations(jsonb) set enable_hashjoin = off;
alter function public.submit_generations(jsonb) set enable_mergejoin = off;
alter function public.submit_generations(jsonb) set jit = off;
