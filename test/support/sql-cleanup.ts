import { callFunction, type SqlDatabase } from './sql-database.ts';

export type CleanupClaim = { bucket: string; folder: string; is_object: boolean; plan_id: string };
type Client = Parameters<typeof callFunction>[0];

/** The steps of a clean-up round, and a look at what is planned. */
export function createCleanup(db: SqlDatabase) {
  return {
    claim: async (): Promise<CleanupClaim[]> =>
      (await callFunction<CleanupClaim[]>(db.service, 'claim_storage_cleanup'))[0] ?? [],
    finish: (claims: CleanupClaim[], client: Client = db.service) =>
      callFunction(client, 'finish_storage_cleanup', { p_finished: JSON.stringify(claims) }),
    /** Of the objects that were found under these claims those that no row names, by folder. */
    async findStray(claims: CleanupClaim[], names: string[]): Promise<Map<string, string[]>> {
      const listed = claims.map((one) => ({ ...one, paths: names.map((name) => `${one.folder}/${name}`) }));
      const [stray = []] = await callFunction<{ folder: string; paths: string[] }[]>(
        db.service,
        'find_stray_objects',
        { p_listed: JSON.stringify(listed) },
      );
      return new Map(
        stray.map(({ folder, paths }) => [folder, paths.map((path) => path.slice(folder.length + 1))]),
      );
    },
    becomeDue: () => db.sql(`update public.storage_cleanup set due_at = now() - interval '1 second'`),
    planned: async (): Promise<string[]> =>
      (await db.sql<{ folder: string }>('select folder from public.storage_cleanup order by 1')).map(
        (row) => row.folder,
      ),
  };
}
