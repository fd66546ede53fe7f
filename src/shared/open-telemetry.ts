import { setTimeout as delay } from 'node:timers/promises';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { v4 as uuid } from 'uuid';
import type { Logger } from './logger.ts';
import { createSpans } from './spans.ts';
import { createTraceExporter } from './trace-exporter.ts';
import { createSampler } from './trace-sampler.ts';
import type { Tracing } from './tracing.ts';
import type { TracingConfig } from './tracing-config.ts';

/** At the end of a process: whoever collects may be away, and the grace period is for the work. */
const LAST_SEND_MS = 2_000;
/** Of one attribute: paths and agents' names are as long as strangers make them. */
const LONGEST_VALUE = 512;

/** Tracing by OpenTelemetry. Spans are sent in the background, 2,048 are kept meanwhile, what is more is dropped. */
export async function openTelemetry(
  config: TracingConfig,
  options: { serviceName: string; believeParents: boolean; log: Logger },
): Promise<Tracing> {
  const resource = defaultResource().merge(
    resourceFromAttributes({
      'service.name': options.serviceName,
      'service.instance.id': uuid(),
      ...config.OTEL_RESOURCE_ATTRIBUTES,
      ...(config.OTEL_SERVICE_NAME && { 'service.name': config.OTEL_SERVICE_NAME }),
    }),
  );
  const exporter = await createTraceExporter(config, options.log);
  const provider = new TracerProvider({
    resource,
    sampler: createSampler(config, options),
    spanLimits: { attributeValueLengthLimit: LONGEST_VALUE },
    spanProcessors: [
      new BatchSpanProcessor({ exporter, scheduledDelayMillis: config.OTEL_BSP_SCHEDULE_DELAY }),
    ],
  });
  return {
    ...createSpans(provider.getTracer('darkroom')),
    async stop() {
      const sent = provider.shutdown().then(
        () => true,
        () => false,
      );
      const isSent = await Promise.race([sent, delay(LAST_SEND_MS, false, { ref: false })]);
      if (!isSent) options.log.warn('traces.given_up');
    },
  };
}
