import type { Logger } from './logger.ts';
import { NO_TRACING, type Tracing } from './tracing.ts';
import { isTracingOn, type TracingConfig } from './tracing-config.ts';

/**
 * Tracing as the environment asks for it. OpenTelemetry is loaded only when there is somebody to send spans to.
 * `believeParents`: a `sampled` flag that comes in counts whatever the sampler is, since it is one of ours.
 */
export async function startTracing(
  config: TracingConfig,
  options: { serviceName: string; believeParents: boolean; log: Logger },
): Promise<Tracing> {
  if (!isTracingOn(config)) return NO_TRACING;
  const { openTelemetry } = await import('./open-telemetry.ts');
  return openTelemetry(config, options);
}
