import { randomUUID } from 'node:crypto';
import type { TestStack } from '../support/test-stack.ts';

/** A delivery to a user that has ended; `gone` is one that was removed since. */
export async function makeDelivery(stack: TestStack, userId: string, whose = 'owner'): Promise<string> {
  const id = randomUUID();
  await stack.sql(
    `insert into public.webhook_deliveries
       (id, user_id, type, image_id, url, host, body, status, attempt, http_status, last_attempt_at, completed_at)
     values ($1, $2, 'image.succeeded', $3, 'https://hooks.example.com/a?token=b', 'hooks.example.com', '{}', 'succeeded',
       1, 204, now(), now())`,
    [id, userId, randomUUID()],
  );
  if (whose === 'gone') await stack.sql('delete from public.webhook_deliveries where id = $1', [id]);
  return id;
}
