import { startTestStack } from '../support/test-stack.ts';
import { type Answer, type ApiClient, createApiClient, type Json } from './api-client.ts';
import { captureLog } from './log-capture.ts';

export type Owner = { id: string; token: string; api: ApiClient };

/** An API with two users whose images an admin retries and purges; nobody works on them unless told. */
export async function startAdminImages() {
  const stack = await startTestStack();
  const log = captureLog();
  const { url } = await stack.startApi({}, log.log);
  const admin = createApiClient(url, stack.serviceRoleKey);
  const addOwner = async (): Promise<Owner> => {
    const made = await stack.createUser();
    return { ...made, api: createApiClient(url, made.token) };
  };
  const [user, other] = [await addOwner(), await addOwner()];

  return {
    stack,
    url,
    log,
    user,
    other,
    post: (action: string, body: unknown): Promise<Answer> =>
      admin.send('POST', `/admin/queue/${action}`, {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    submitMany: ({ api }: Owner, count: number): Promise<Json[]> =>
      Promise.all(
        Array.from({ length: count }, () => api.submit({ prompt: 'A harbour [[sim:bytes=1024]]' })),
      ),
    async clear(): Promise<void> {
      await stack.sql('delete from public.generated_images; delete from public.lanes');
      log.lines.length = 0;
    },
    /** How many images there are of each status. */
    async statuses(): Promise<Record<string, number>> {
      const rows = await stack.sql<{ status: string; n: number }>(
        'select status, count(*)::integer as n from public.generated_images group by 1',
      );
      return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
    },
  };
}
export type AdminImages = Awaited<ReturnType<typeof startAdminImages>>;
