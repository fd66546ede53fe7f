import { Counter, Histogram, type Registry } from 'prom-client';
import type { Usage } from '../shared/generation.ts';
import type { Models } from '../shared/models.ts';
import type { Gemini, ImageOrder } from './gemini.ts';
import { GenerationError } from './generation-error.ts';

/**
 * The same Gemini, each call of which is measured: how long it took, what came of it, its tokens and its cost. Models are
 * those of the configuration; there is no order for another one.
 */
export function observeGemini(gemini: Gemini, models: Models, registry: Registry): Gemini {
  const registers = [registry];
  const calls = new Histogram({
    name: 'darkroom_gemini_call_duration_seconds',
    help: 'Calls of Gemini by model and outcome: ok, an error code, or stopped from outside.',
    labelNames: ['model', 'outcome'],
    buckets: [0.5, 1, 2.5, 5, 7.5, 10, 15, 20, 30, 45, 60, 120, 240],
    registers,
  });
  const tokens = new Counter({
    name: 'darkroom_gemini_tokens_total',
    help: 'Tokens that Gemini reported.',
    labelNames: ['model', 'direction'],
    registers,
  });
  const cost = new Counter({
    name: 'darkroom_gemini_cost_usd_total',
    help: 'US dollars: reported, by the tokens of a call, or estimated, the list price of one that may have been billed.',
    labelNames: ['model', 'basis'],
    registers,
  });

  for (const model of models.byId.keys()) cost.inc({ model, basis: 'reported' }, 0);

  /** Without tokens nobody knows what a call has cost: then it is taken for the list price. */
  const count = ({ model, resolution }: ImageOrder, usage: Usage | null, costUsd: number | null) => {
    if (usage) {
      tokens.inc({ model: model.id, direction: 'input' }, usage.input_tokens);
      tokens.inc({ model: model.id, direction: 'output' }, usage.output_tokens);
    }
    const isReported = usage !== null && costUsd !== null;
    const basis = isReported ? 'reported' : 'estimated';
    cost.inc({ model: model.id, basis }, isReported ? costUsd : (model.image_usd[resolution] ?? 0));
  };

  return {
    async generateImage(order, signal) {
      const from = performance.now();
      const measure = (outcome: string) =>
        calls.observe({ model: order.model.id, outcome }, (performance.now() - from) / 1_000);
      try {
        const image = await gemini.generateImage(order, signal);
        measure('ok');
        count(order, image.usage, image.costUsd);
        return image;
      } catch (error) {
        const known = error instanceof GenerationError ? error : null;
        measure(known ? known.code : 'stopped');
        // A call that was stopped half-way may have been billed.
        if (!known || known.billed) count(order, known?.usage ?? null, known?.costUsd ?? null);
        throw error;
      }
    },
  };
}
