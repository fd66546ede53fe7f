/** One figure beside its floor, both of the same run on the same machine. */
export type Measured = {
  name: string;
  value: number;
  unit: string;
  /** What it is compared with; null where the target is the figure's own. */
  floor: number | null;
  /** `value` to `floor`. */
  ratio: number | null;
  /** What `ratio` (or `value` without a floor) has to be. */
  target: { at_least: number } | { at_most: number };
  pass: boolean;
  /** Seconds of CPU of each process while it was measured, to each second. */
  cpu?: Record<string, number>;
};

type Figure = Omit<Measured, 'ratio' | 'pass'>;

export function judge(figure: Figure): Measured {
  const ratio = figure.floor === null ? null : figure.value / figure.floor;
  const judged = ratio ?? figure.value;
  const { target } = figure;
  const pass = 'at_least' in target ? judged >= target.at_least : judged <= target.at_most;
  return { ...figure, ratio, pass };
}

export function median(values: number[]): number {
  return quantile(values, 0.5);
}

/** By the nearest rank. NaN of nothing. */
export function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

/**
 * Measures the subject and its floor in turn, so that whatever the machine does meanwhile befalls both, and answers the
 * medians.
 */
export async function interleave(
  repeats: number,
  { value, floor }: { value: () => Promise<number>; floor: () => Promise<number> },
): Promise<{ value: number; floor: number }> {
  const values: number[] = [];
  const floors: number[] = [];
  for (let n = 0; n < repeats; n++) {
    floors.push(await floor());
    values.push(await value());
  }
  return { value: median(values), floor: median(floors) };
}

export function describeTarget(target: Measured['target'], ofRatio: boolean): string {
  const [sign, number] = 'at_least' in target ? ['≥', target.at_least] : ['≤', target.at_most];
  return `${sign} ${number}${ofRatio ? ' ×' : ''}`;
}
