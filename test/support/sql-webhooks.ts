import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { callFunction, type SqlDatabase } from './sql-database.ts';

type Client = Pick<pg.ClientBase, 'query'> | Pick<pg.Pool, 'query'>;

export type Delivery = {
  id: string;
  user_id: string;
  type: string;
  image_id: string | null;
  url: string;
  host: string;
  body: string;
  status: string;
  attempt: number;
  failures: number;
  claim_id: string | null;
  http_status: number | null;
  error_code: string | null;
  due_at: Date;
  completed_at: Date | null;
};
export type Claim = {
  claimId: string;
  contended: boolean;
  done: boolean;
  around: boolean;
  after: { user_id: string; host: string } | null;
  deliveries: { id: string; user_id: string; url: string; body: string; secrets: { sealed: string }[] }[];
};

export const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
export const first = <T>(rows: T[]): T => rows[0] as T;

/** The SQL functions of webhooks, and rows to try them on. */
export function createWebhooks(db: SqlDatabase) {
  const rowOf = async (id: string): Promise<Delivery | undefined> =>
    (await db.sql<Delivery>('select * from public.webhook_deliveries where id = $1', [id]))[0];

  return {
    rowOf,
    /** So many due deliveries to one receiver. */
    async add(userId: string, url = 'https://hooks.example.com/a', count = 1): Promise<string[]> {
      const ids = Array.from({ length: count }, () => randomUUID());
      await db.sql(
        `insert into public.webhook_deliveries (id, user_id, type, image_id, url, host, body, due_at)
         select id, $2, 'image.succeeded', gen_random_uuid(), $3, substring($3 from '^https://([^/]+)'), '{}',
           now() - interval '1 second'
         from unnest($1::uuid[]) id`,
        [ids, userId, url],
      );
      return ids;
    },
    async claim(room = 100, after: Claim['after'] = null, client: Client = db.service): Promise<Claim> {
      const claimId = randomUUID();
      const args = { p_claim_id: claimId, p_room: room, p_after: after && JSON.stringify(after) };
      const [claim] = await callFunction<Omit<Claim, 'claimId'>>(client, 'claim_webhook_deliveries', args);
      return { ...(claim as Omit<Claim, 'claimId'>), claimId };
    },
    report: async (id: string, claimId: string, errorCode: string | null, httpStatus: number | null = null) =>
      (
        await callFunction<{ status: string; failures: number; due_at: string }>(
          db.service,
          'report_webhook_attempt',
          { p_id: id, p_claim_id: claimId, p_error_code: errorCode, p_http_status: httpStatus },
        )
      )[0],
    replay: async (id: string, userId: string | null, admin = false) =>
      (
        await callFunction<Delivery>(db.service, 'replay_webhook_delivery', {
          p_id: id,
          p_user_id: userId,
          p_admin: admin,
        })
      )[0],
    list: async (userId: string | null, args = {}) =>
      (
        await callFunction<Delivery[]>(db.service, 'list_webhook_deliveries', { p_user_id: userId, ...args })
      )[0] ?? [],
    /** Until its next attempt, or until its claim runs out. */
    secondsUntilDue: async (id: string): Promise<number> =>
      (
        await db.sql<{ s: number }>(
          'select extract(epoch from due_at - now())::float as s from public.webhook_deliveries where id = $1',
          [id],
        )
      )[0]?.s ?? Number.NaN,
    /** Its time comes, whether it waits or is claimed. */
    bringForward: (id: string) =>
      db.sql(`update public.webhook_deliveries set due_at = now() - interval '1 second' where id = $1`, [id]),
    async addSecret(userId: string, sealed: string = randomUUID()): Promise<string> {
      const id = randomUUID();
      await callFunction(db.service, 'create_webhook_secret', {
        p_id: id,
        p_user_id: userId,
        p_hint: 'abcd',
        p_sealed: sealed,
        p_key_id: 'k',
      });
      return id;
    },
  };
}
