import type { TestStack } from '../support/test-stack.ts';

/** Lets every image of a batch fail, as if a worker had reported it. */
export async function failBatch({ sql }: Pick<TestStack, 'sql'>, id: string): Promise<void> {
  await sql(
    `update public.generated_images set status = 'failed', error_code = 'internal',
       error = '{"code": "internal", "message": "It broke.", "retryable": true}', completed_at = now() where batch_id = $1`,
    [id],
  );
}
