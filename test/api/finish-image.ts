import type { TestStack } from '../support/test-stack.ts';

/** Makes a pending image one that has succeeded, without a worker; its file is nowhere. */
export async function finishImage(stack: TestStack, id: string): Promise<void> {
  await stack.sql(
    `update public.generated_images
     set status = 'succeeded', completed_at = now(), image_url = 'https://example.com/a.png' where id = $1`,
    [id],
  );
}
