import { ROOT_CONTEXT } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import type { TracingConfig } from './tracing-config.ts';

/**
 * Which traces are sampled. One that has begun in Darkroom is sampled whole or not at all, so only what comes in from
 * outside can be decided on here: with `parentbased_…` the caller's flag counts, with a plain sampler it does not.
 */
export function createSampler(
  config: Pick<TracingConfig, 'OTEL_TRACES_SAMPLER' | 'OTEL_TRACES_SAMPLER_ARG'>,
  { believeParents }: { believeParents: boolean },
): Sampler {
  const root = createRoot(config.OTEL_TRACES_SAMPLER, config.OTEL_TRACES_SAMPLER_ARG);
  if (believeParents || config.OTEL_TRACES_SAMPLER.startsWith('parentbased_')) {
    return new ParentBasedSampler({ root });
  }
  const own = decideAlone(root);
  return new ParentBasedSampler({ root, remoteParentSampled: own, remoteParentNotSampled: own });
}

function createRoot(name: TracingConfig['OTEL_TRACES_SAMPLER'], ratio: number): Sampler {
  if (name.endsWith('always_on')) return new AlwaysOnSampler();
  if (name.endsWith('always_off')) return new AlwaysOffSampler();
  return new TraceIdRatioBasedSampler(ratio);
}

/** A ratio looks at the trace's id, and a caller can choose one that is always in: it is shown another one. */
function decideAlone(root: Sampler): Sampler {
  const ids = new RandomIdGenerator();
  return {
    shouldSample: (_context, _traceId, ...rest) =>
      root.shouldSample(ROOT_CONTEXT, ids.generateTraceId(), ...rest),
    toString: () => `DecideAlone{${root.toString()}}`,
  };
}
