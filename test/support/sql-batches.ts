import { callFunction, type SqlDatabase } from './sql-database.ts';
import { type Item, newItem, nextId } from './sql-rows.ts';

export type Sealed = { outcome: string; id?: string };
export type Counts = Record<
  'pending' | 'processing' | 'succeeded' | 'failed' | 'canceled' | 'expired',
  number
>;
export type Batch = {
  id: string;
  total: number;
  ended_at: string | null;
  canceled_at: string | null;
  counts: Counts;
  next: { model: string; released: number; ahead: number } | null;
};

/** The SQL functions of batches, with the arguments that most tests do not care about filled in. */
export function createBatches(db: SqlDatabase) {
  const ask = async <T>(name: string, args: Record<string, unknown> = {}) =>
    (await callFunction<T>(db.service, name, args))[0] as T;
  const open = async (fields: Record<string, unknown> = {}): Promise<string> => {
    const batch = { id: nextId(), user_id: null, lane_key: 'anonymous', ...fields };
    await ask('open_batch', { p_batch: JSON.stringify(batch) });
    return batch.id;
  };
  const add = (id: string, items: Item[]) =>
    ask<boolean>('add_batch_images', { p_batch_id: id, p_items: JSON.stringify(items) });
  const seal = (id: string, total: number) => ask<Sealed>('seal_batch', { p_batch_id: id, p_total: total });
  const admit = (id: string) => ask<number>('admit_batch_images', { p_batch_id: id });

  return {
    ask,
    open,
    add,
    seal,
    admit,
    async admitAll(id: string): Promise<void> {
      while ((await admit(id)) > 0);
    },
    /** A sealed batch of so many images; `item` is what each has beside what is its own. */
    async make(count: number, { item = {}, ...fields }: Record<string, unknown> & { item?: object } = {}) {
      const id = await open(fields);
      const items = Array.from({ length: count }, () => newItem(item as Record<string, unknown>));
      await add(id, items);
      await seal(id, count);
      return { id, ids: items.map((one) => one.id) };
    },
    get: (id: string, userId: string | null = null, admin = true) =>
      ask<Batch | undefined>('get_batch', { p_id: id, p_user_id: userId, p_admin: admin }),
    cancel: (id: string) => ask<Batch>('cancel_batch', { p_id: id, p_user_id: null, p_admin: true }),
    cancelImages: (id: string) =>
      ask<{ canceled: string[]; stopping: string[]; more: boolean }>('cancel_batch_images', {
        p_batch_id: id,
      }),
    advance: () => ask<{ admit: string[]; cancel: string[] }>('advance_batches'),
    copyFailed: (id: string, from: string, after: string | null = null) =>
      ask<{ copied: number; last: string | null }>('copy_failed_images', {
        p_batch_id: id,
        p_from_batch_id: from,
        p_after: after,
        p_limit: 1_000,
      }),
    discard: (id: string) => ask<boolean>('discard_batch', { p_batch_id: id }),
    dropUnsealed: () => ask<boolean>('drop_unsealed_batches'),
    age: (id: string) =>
      db.sql(`update public.batches set created_at = now() - interval '61 minutes' where id = $1`, [id]),
    clear: () => db.sql('delete from public.batches; update public.settings set max_pending = default'),
  };
}
