import { health as healthSchema, readiness } from '../health-schema.ts';
import type { Resource } from './operation.ts';

export const health: Resource = {
  tag: 'health',
  description: 'For supervisors and load balancers.',
  operations: [
    {
      method: 'get',
      path: '/healthz',
      operationId: 'getHealth',
      summary: 'Whether the process answers',
      description: 'Touches no dependency.',
      access: 'nobody asked',
      answers: { 200: { description: 'It does.', schema: healthSchema, example: { status: 'ok' } } },
      refusals: [],
    },
    {
      method: 'get',
      path: '/readyz',
      operationId: 'getReadiness',
      summary: 'Whether requests can be served',
      description: 'Without Redis they can: it takes the images later.',
      access: 'nobody asked',
      answers: {
        200: {
          description: 'They can.',
          schema: readiness,
          example: { status: 'ready', dependencies: { database: 'up', redis: 'up' } },
        },
        503: {
          description: 'They cannot. No problem details: the body says what is down.',
          schema: readiness,
          example: { status: 'not_ready', dependencies: { database: 'down', redis: 'up' } },
        },
      },
      refusals: [],
    },
  ],
};
