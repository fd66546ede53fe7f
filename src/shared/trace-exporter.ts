import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from './logger.ts';
import { type TracingConfig, tracesUrl } from './tracing-config.ts';

/** Sends spans by OTLP over HTTP; of the two encodings only the one that is used is loaded. */
export async function createTraceExporter(config: TracingConfig, log: Logger): Promise<SpanExporter> {
  const isJson =
    (config.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? config.OTEL_EXPORTER_OTLP_PROTOCOL) === 'http/json';
  const { OTLPTraceExporter } = isJson
    ? await import('@opentelemetry/exporter-trace-otlp-http')
    : await import('@opentelemetry/exporter-trace-otlp-proto');
  const exporter = new OTLPTraceExporter({
    url: tracesUrl(config),
    headers: { ...config.OTEL_EXPORTER_OTLP_HEADERS, ...config.OTEL_EXPORTER_OTLP_TRACES_HEADERS },
    timeoutMillis: config.OTEL_EXPORTER_OTLP_TIMEOUT,
    // An enum of these two words, in a package that is not ours to import.
    compression: config.OTEL_EXPORTER_OTLP_COMPRESSION as never,
  });
  return tellOutages(exporter, log);
}

/** One line when spans are lost and one when they are not any more. */
function tellOutages(exporter: SpanExporter, log: Logger): SpanExporter {
  let away = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        // 0 is ExportResultCode.SUCCESS.
        if (result.code !== 0 && !away) log.warn({ detail: result.error?.message }, 'traces.not_sent');
        if (result.code === 0 && away) log.info('traces.sent_again');
        away = result.code !== 0;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}
