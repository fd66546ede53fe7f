import type { Measured } from './figures.ts';

/** How much a scenario may take: the full form gives verdicts, the quick one only finds out whether all still runs. */
export type Effort = { quick: boolean; repeats: number };

export type Scenario = {
  name: string;
  /** What is measured, in one line. */
  about: string;
  run(effort: Effort, say: (line: string) => void): Promise<Measured[]>;
};
