import type { FaultStack } from '../faults/fault-stack.ts';
import type { Breach } from '../faults/invariants.ts';
import type { Load } from './load.ts';

export type Verdict = {
  /** Whether every promise was kept, and nothing happened that nobody wanted. */
  isKept: boolean;
  problems: string[];
  /** How many ended how, `failed no_image: 3` and the like. */
  ends: string[];
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
  const ends = await base.sql<{ how: string; count: number }>(
    `select concat_ws(' ', status, error_code) as how, count(*)::int as count
     from public.generated_images group by 1 order by 2 desc`,
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
    `${ends.find(({ how }) => how === 'succeeded')?.count ?? 0} succeeded`,
    `${of('I1', 'I2')} lost`,
    `${of('I3', 'I5') + twins.length} doubled`,
    `${of('I4')} orphaned`,
    ...(others > 0 ? [`${others} other problems`] : []),
  ].join(', ');
  return {
    isKept: problems.length === 0 && load.accepted.length > 0,
    problems,
    ends: ends.map(({ how, count }) => `${how}: ${count}`),
    line,
  };
}
