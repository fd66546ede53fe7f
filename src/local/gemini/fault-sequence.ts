import { CONTENT_FAULTS } from './content-faults.ts';
import { DELIVERY_FAULTS, goodAnswer } from './delivery-faults.ts';
import { ERROR_FAULTS } from './error-faults.ts';
import type { Fault } from './fault.ts';
import { misuse } from './refusal.ts';

/** What happens to one call of a sequence. */
export type FaultStep = {
  fault: Fault;
  name: string;
  params: readonly string[];
  /** Whether the call is first held, until its key is released. */
  held: boolean;
  /** For how many calls; Infinity for a last step without a count. */
  count: number;
};

const FAULTS: Record<string, Fault> = {
  ok: goodAnswer,
  ...ERROR_FAULTS,
  ...CONTENT_FAULTS,
  ...DELIVERY_FAULTS,
};
const OK: FaultStep = {
  fault: goodAnswer,
  name: 'ok',
  params: [],
  held: false,
  count: Number.POSITIVE_INFINITY,
};

/**
 * Reads `step,step,…`, each `[hold|hold:]name[:param…][*count]`. A step counts for one call unless it says otherwise;
 * a last step without a count lasts for ever; when all counts are used up, calls succeed. `503*2,hang` is two times
 * 503, then hanging for ever; `hold:reset-mid-body*1` is held once, then reset, then success.
 * @throws Refusal 400 that names what is not understood.
 */
export function parseFaults(text: string): FaultStep[] {
  const steps = text.split(',');
  return steps.map((step, index) => parseStep(step.trim(), index === steps.length - 1));
}

/** The step for the nth call of a key, counted from 1. */
export function stepFor(steps: readonly FaultStep[], nth: number): FaultStep {
  let last = 0;
  for (const step of steps) {
    last += step.count;
    if (nth <= last) return step;
  }
  return OK;
}

function parseStep(text: string, isLast: boolean): FaultStep {
  const [, what = '', times] = /^(.*?)(?:\*(\d+))?$/.exec(text) ?? [];
  const words = what.split(':');
  const held = words[0] === 'hold';
  const [name = 'ok', ...params] = held ? words.slice(1) : words;
  const fault = Object.hasOwn(FAULTS, name) ? FAULTS[name] : undefined;
  if (!fault) throw misuse(`unknown fault '${text}'; known are hold, ${Object.keys(FAULTS).join(', ')}`);
  const count = times === undefined ? (isLast ? Number.POSITIVE_INFINITY : 1) : Number(times);
  return { fault, name, params, held, count };
}
