import type { TestStack } from '../support/test-stack.ts';
import type { Json } from './api-client.ts';

/**
 * All that a caller can have written, to be compared: what a request that is refused must leave as it was. Without what
 * goes on by itself, such as a release, or that a key was used; and without batches that are not sealed, for those are
 * there for nobody.
 */
export async function readWritten(stack: TestStack): Promise<Json> {
  const [written] = await stack.sql(`select
    (select md5(string_agg(concat_ws(' ', g.id, g.status, g.status_sequence, g.cancel_requested_at, g.deleted_at), ','
       order by g.id)) from public.generated_images g
      where g.batch_id is null or exists (select from public.batches b where b.id = g.batch_id and b.sealed_at is not null)
    ) as images,
    (select md5(string_agg(concat_ws(' ', b.id, b.canceled_at), ',' order by b.id)) from public.batches b
      where b.sealed_at is not null) as batches,
    (select md5(string_agg(d::text, ',' order by d.id)) from public.datasets d) as datasets,
    (select md5(string_agg(i::text, ',' order by i.id)) from public.dataset_images i) as dataset_images,
    (select md5(string_agg((to_jsonb(k) - 'last_used_at')::text, ',' order by k.id)) from public.api_keys k) as api_keys,
    (select md5(string_agg(w::text, ',' order by w.id)) from public.webhook_secrets w) as webhook_secrets,
    (select md5(string_agg(concat_ws(' ', w.id, w.status, w.failures, w.due_at), ',' order by w.id))
       from public.webhook_deliveries w) as webhook_deliveries,
    (select s::text from public.settings s) as settings,
    (select md5(string_agg(concat_ws(' ', p.scope, p.until, p.reason), ',' order by p.scope)) from public.pauses p) as pauses,
    (select md5(string_agg(k::text, ',' order by k.scope, k.key)) from public.idempotency_keys k) as idempotency_keys,
    (select md5(string_agg(c::text, ',' order by c.bucket, c.folder)) from public.storage_cleanup c) as cleanups`);
  return written;
}
