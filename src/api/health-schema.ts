import { z } from 'zod';
import { DEPENDENCY_STATES } from '../shared/dependencies.ts';
import { openText } from './open-text.ts';

export const health = z
  .strictObject({ status: openText(['ok'], 'The process answers.') })
  .meta({ id: 'Health' });

const dependency = openText(DEPENDENCY_STATES, 'Whether it answers.');
export const readiness = z
  .strictObject({
    status: openText(['ready', 'not_ready', 'draining'], 'Whether requests can be served.'),
    dependencies: z.strictObject({ database: dependency, redis: dependency, storage: dependency }),
  })
  .meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof readiness>;
