import type { FaultStack } from '../faults/fault-stack.ts';
import type { Breach } from '../faults/invariants.ts';
import type { Load } from './load.ts';

export type Verdict = {
  /** Whether every promise was kept, and nothing happened that nobody wanted. */
  isKept: boolean;
  problems: string[];
  line: string;
};

/** Counts what came of it all. Lost: does not end, or its file is not what the row says. Doubled: paid, made or ended twice. */
export async function readVerdict(
  { base }: Pick<FaultStack, 'base'>,
  found: { load: Load; breaches: Breach[]; surprises: string[] },
): Promise<Verdict> {
  const { load, breaches, surprises } = found;
  const of = (...invariants: Breach['invariant'][]) =>
    breaches.filter(({ invariant }) => invariants.includes(invariant)).length;
  const [counts] = await base.sql<{ succeeded: number }>(
    `select count(*) filter (where status = 'succeeded')::int as succeeded from public.generated_images`,
  );
  const twins = await base.sql<{ key: string }>(
    `select substring(full_prompt from 'key=([^;\\]]*)') as key from public.generated_images
     group by 1 having count(*) > 1`,
  );
  const problems = [
    ...breaches.map(({ invariant, what }) => `${invariant}: ${what}`),
    ...twins.map(({ key }) => `two images were made of ${key}`),
    ...load.lies.map((lie) => `told: ${lie}`),
    ...surprises.map((surprise) => `surprise: ${surprise}`),
  ];
  const others = problems.length - of('I1', 'I2', 'I3', 'I4', 'I5') - twins.length;
  const line = [
    `${load.accepted.length} accepted`,
    `${counts?.succeeded ?? 0} succeeded`,
    `${of('I1', 'I2')} lost`,
    `${of('I3', 'I5') + twins.length} doubled`,
    `${of('I4')} orphaned`,
    ...(others > 0 ? [`${others} other problems`] : []),
  ].join(', ');
  return { isKept: problems.length === 0 && load.accepted.length > 0, problems, line };
}
