import { z } from 'zod';
import { openText } from './open-text.ts';

export const health = z
  .strictObject({ status: openText(['ok'], 'The process answers.') })
  .meta({ id: 'Health' });

const dependency = openText(['up', 'down'], 'Whether it answers.');
export const readiness = z
  .strictObject({
    status: openText(['ready', 'not_ready'], 'Whether requests can be served.'),
    dependencies: z.strictObject({ database: dependency, redis: dependency }),
  })
  .meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof readiness>;
