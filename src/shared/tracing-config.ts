import { z } from 'zod';

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const httpUrl = z.url({ protocol: /^https?$/ });
/** Both encodings of OTLP that go over HTTP; gRPC would be one more client for the same spans. */
const protocol = z.enum(['http/protobuf', 'http/json']);
const ms = (standard: number) => z.coerce.number().int().positive().default(standard);

/** `name=value,name=value`, percent-encoded, as OpenTelemetry writes headers and attributes. */
const pairs = z
  .string()
  .default('')
  .transform((text, context) => {
    const read = text.split(',').filter((pair) => pair.trim() !== '');
    const entries = read.map((pair) => /^\s*([^=\s]+)\s*=(.*)$/.exec(pair)).map(decodePair);
    if (entries.every((entry) => entry !== null))
      return Object.fromEntries(entries) as Record<string, string>;
    context.addIssue({ code: 'custom', message: 'is no list of name=value, separated by commas' });
    return z.NEVER;
  });

function decodePair(pair: RegExpExecArray | null): [string, string] | null {
  try {
    return pair && [decodeURIComponent(String(pair[1])), decodeURIComponent(String(pair[2]).trim())];
  } catch {
    // A lone percent sign; whoever asks says that the list is wrong.
    return null;
  }
}

/**
 * OpenTelemetry's standard variables, as far as they are about traces. Where it has a variable for all signals and one
 * for traces, the latter wins. Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export const tracingConfig = {
  OTEL_SDK_DISABLED: z.stringbool().default(false),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none']).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs,
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: pairs,
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol.default('http/protobuf'),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol.optional(),
  OTEL_EXPORTER_OTLP_COMPRESSION: z.enum(['none', 'gzip']).default('none'),
  OTEL_EXPORTER_OTLP_TIMEOUT: ms(10_000),
  OTEL_BSP_SCHEDULE_DELAY: ms(5_000),
  OTEL_SERVICE_NAME: z.string().min(1).optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs,
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
};

export type TracingConfig = z.output<z.ZodObject<typeof tracingConfig>>;

/** Off unless an exporter is named or told where to send: OpenTelemetry itself would send to this machine. */
export function isTracingOn(config: TracingConfig): boolean {
  if (config.OTEL_SDK_DISABLED || config.OTEL_TRACES_EXPORTER === 'none') return false;
  return (
    config.OTEL_TRACES_EXPORTER === 'otlp' ||
    config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined ||
    config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined
  );
}

/** Where traces are sent to: the address for traces as it stands, or below the one for all signals. */
export function tracesUrl(config: TracingConfig): string {
  if (config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) return config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const base = config.OTEL_EXPORTER_OTLP_ENDPOINT ?? 'http://localhost:4318';
  return `${base.replace(/\/+$/, '')}/v1/traces`;
}
