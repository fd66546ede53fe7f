import type { TestStack } from '../support/test-stack.ts';

/**
 * Makes the database itself remember the most slots that it ever had. Somebody who looks now and then may miss the
 * moment in which a worker is counted that died, and its successor too; a release in that moment does not.
 *
 * Slots only become more when a worker beats, so the beats are when to look. What a release counts may be older than
 * its commit by as long as it takes; a second is more than that. The row is locked before the sum is read, so that of
 * two beats at once the later one counts both.
 */
export async function recordMostSlots(sql: TestStack['sql']): Promise<void> {
  await sql(`
    create table public.most_slots (slots integer not null);
    insert into public.most_slots values (0);
    create function public.record_most_slots() returns trigger language plpgsql set search_path = '' as $$
    begin
      update public.most_slots set slots = slots;
      update public.most_slots m set slots = greatest(m.slots, (
        select coalesce(sum(w.concurrency), 0)
        from public.workers w, public.settings s where w.beat_at > now() - s.lease - interval '1 second'
      ));
      return null;
    end $$;
    grant select, update on public.most_slots to service_role;
    create trigger record_most_slots after insert or update on public.workers
      for each statement execute function public.record_most_slots();
  `);
}

export async function readMostSlots(sql: TestStack['sql']): Promise<number> {
  const [row] = await sql<{ slots: number }>('select slots from public.most_slots');
  return row?.slots ?? 0;
}
