const WINDOW_MS = 60_000;
const SAMPLE_EVERY_MS = 1_000;
/** Before that, or of fewer images, a rate says little. */
const SHORTEST_MS = 10_000;
const FEWEST = 5;

/** How many a second; null while there is no measure. */
export type MeasureRate = (ended: number, now: number) => number | null;

/** The rate of the last minute. What had ended before the first measure counts for nothing: a resumed command finds it at once. */
export function createRate(): MeasureRate {
  const samples: { ended: number; at: number }[] = [];
  return (ended, now) => {
    const last = samples.at(-1);
    if (!last || now - last.at >= SAMPLE_EVERY_MS) samples.push({ ended, at: now });
    while (samples[1] && now - samples[1].at >= WINDOW_MS) samples.shift();
    const first = samples[0] ?? { ended, at: now };
    const [count, ms] = [ended - first.ended, now - first.at];
    return count >= FEWEST && ms >= SHORTEST_MS ? (count * 1_000) / ms : null;
  };
}
