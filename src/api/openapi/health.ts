import { z } from 'zod';
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
      description: 'Without Redis they can: it takes the images later. Without Storage too, but for files.',
      access: 'nobody asked',
      answers: {
        200: {
          description: 'They can.',
          schema: readiness,
          example: { status: 'ready', dependencies: { database: 'up', redis: 'up', storage: 'up' } },
        },
        503: {
          description:
            'They cannot, or the process is leaving. No problem details: the body says what is down.',
          schema: readiness,
          example: { status: 'not_ready', dependencies: { database: 'down', redis: 'up', storage: 'up' } },
        },
      },
      refusals: [],
    },
    {
      method: 'get',
      path: '/metrics',
      operationId: 'getMetrics',
      summary: 'Read what this process has counted and measured',
      description: 'For Prometheus. A deployment may ask for a token.',
      access: 'metrics readers',
      answers: {
        200: {
          description: 'Prometheus’ text format 0.0.4.',
          schema: z.string(),
          contentType: 'text/plain',
          example: 'darkroom_images{status="pending"} 3\n',
        },
      },
      refusals: ['unauthorized'],
    },
  ],
};
