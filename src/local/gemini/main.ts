import { z } from 'zod';
import { startGeminiSimulator } from './simulator.ts';

const Environment = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  // Empty is unset, as container files write it.
  GEMINI_API_KEY: z
    .string()
    .optional()
    .transform((key) => key || undefined),
});

const environment = Environment.safeParse(process.env);
if (!environment.success) {
  process.stderr.write(`${z.prettifyError(environment.error)}\n`);
  process.exit(1);
}

const { HOST: host, PORT: port, GEMINI_API_KEY: apiKey } = environment.data;
const simulator = await startGeminiSimulator({ host, port, apiKey });
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, simulator.close);
process.stderr.write(`Gemini simulator on ${simulator.url}\n`);
