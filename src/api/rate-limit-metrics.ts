import { Counter, type Registry } from 'prom-client';

/** Those that were refused are among the refusals, as `rate_limited`. */
export function createRateLimitMetrics(registry: Registry): { onUncounted: () => void } {
  const uncounted = new Counter({
    name: 'darkroom_rate_limit_uncounted_total',
    help: 'Requests that passed the limits without being counted, since Redis did not answer.',
    registers: [registry],
  });
  return { onUncounted: () => uncounted.inc() };
}
