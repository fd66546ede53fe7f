import { z } from 'zod';
import { parseFaults } from './fault-sequence.ts';
import { MIN_PADDED_BYTES } from './padded-png.ts';
import { misuse } from './refusal.ts';

const MAX_PADDED_BYTES = 64 * 1024 * 1024;
/** From what words still fit on to Gemini's longest. */
const SIDE = z.int().min(64).max(12_288);
const THINNEST = 16;

const Settings = z.strictObject({
  /** Milliseconds before the headers. */
  latency_ms: z.number().min(0).optional(),
  /** By which part of itself the latency varies at most, up and down: 0.2 is ± 20 %. */
  latency_jitter: z.number().min(0).max(1).optional(),
  /** Sends a PNG of exactly this many bytes in the size that was asked for, and draws nothing. */
  bytes: z.int().min(MIN_PADDED_BYTES).max(MAX_PADDED_BYTES).optional(),
  /** Sends a picture of another size than was asked for, such as `640x480`. */
  pixels: z
    .string()
    .regex(/^\d+x\d+$/)
    .transform((pixels) => pixels.split('x').map(Number))
    .transform(([width = 0, height = 0]) => ({ width, height }))
    .pipe(z.strictObject({ width: SIDE, height: SIDE }))
    .refine(
      ({ width, height }) => Math.max(width, height) <= THINNEST * Math.min(width, height),
      `is thinner than ${THINNEST}:1`,
    )
    .optional(),
  /** The kind of the drawn picture; `bytes` goes before it. */
  mime: z.enum(['image/png', 'image/jpeg', 'image/webp']).optional(),
  /** A sequence of faults, counted per key; its grammar is with `parseFaults`. */
  fault: z.string().transform(parseFaults).optional(),
});

const Defaults = Settings.extend({
  /** Settings of single models, which go before the general ones. */
  models: z.record(z.string(), Settings).optional(),
  /** Varies what the simulator rolls dice for, which is the jitter. */
  seed: z.union([z.string(), z.number()]).optional(),
});

/** How calls are answered; also the JSON body of `PUT /_simulator/defaults`. */
export type SimulatorDefaults = z.input<typeof Defaults>;

export type ReadDefaults = z.output<typeof Defaults>;

/** Settings of one call. */
export type CallSettings = z.output<typeof Settings>;

/** @throws Refusal 400 that lists every problem. */
export function readDefaults(value: unknown): ReadDefaults {
  return readAs(Defaults, value);
}

/** @throws Refusal 400 that lists every problem. */
export function readSettings(value: unknown): CallSettings {
  return readAs(Settings, value);
}

/** The settings of one call: its markers go before its model's defaults, and those before the general ones. */
export function settingsFor(defaults: ReadDefaults, model: string, markers: CallSettings): CallSettings {
  const ofModel =
    defaults.models && Object.hasOwn(defaults.models, model) ? defaults.models[model] : undefined;
  return { ...defaults, ...ofModel, ...markers };
}

function readAs<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw misuse(
    read.error.issues.map((issue) => `${issue.path.join('.') || 'settings'}: ${issue.message}`).join('; '),
  );
}
