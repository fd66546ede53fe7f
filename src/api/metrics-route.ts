import { Router } from 'express';
import type { MetricsPage } from '../shared/metrics/metrics-page.ts';
import { mayReadMetrics } from '../shared/metrics/metrics-token.ts';
import { unauthorized } from './api-error.ts';
import { answerMethodNotAllowed } from './problem.ts';

/** `GET /metrics`: this process for Prometheus; for everybody, or with METRICS_TOKEN set for those who send it. */
export function createMetricsRoute(deps: {
  metricsPage: MetricsPage;
  metricsToken: string | undefined;
}): Router {
  const router = Router();
  router
    .route('/metrics')
    .get(async (req, res) => {
      if (!mayReadMetrics(req.get('Authorization'), deps.metricsToken)) {
        throw unauthorized('Send METRICS_TOKEN as a bearer token.');
      }
      const text = await deps.metricsPage.read();
      res.set('Cache-Control', 'no-store').set('Content-Type', deps.metricsPage.contentType).send(text);
    })
    .all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}
