/** From the end of a job until a slot has the one that a release handed out for it: its report, a round, Redis, its claim. */
const REPLACED_WITHIN_S = 0.12;

/** The mean is over about so long, so that jobs that happen to end together do not look like many. */
const MEAN_OVER_S = 1;

export type Turnover = {
  jobEnded(): void;
  /** How many jobs end, at the rate of the last second, before those that ended are replaced. */
  ahead(): number;
};

/** An exponentially weighted mean of the rate at which jobs end. */
export function createTurnover(nowMs: () => number = () => performance.now()): Turnover {
  let perSecond = 0;
  let atMs = nowMs();

  const age = (): void => {
    const now = nowMs();
    perSecond *= Math.exp(-(now - atMs) / 1_000 / MEAN_OVER_S);
    atMs = now;
  };

  return {
    jobEnded() {
      age();
      perSecond += 1 / MEAN_OVER_S;
    },
    ahead() {
      age();
      return Math.round(perSecond * REPLACED_WITHIN_S);
    },
  };
}
