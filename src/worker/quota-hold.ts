import type { Hold } from './generation-error.ts';

/** `error.details[]` of a Google API error: google.rpc messages, told apart by @type. */
export type ErrorDetail = Record<string, unknown> & { '@type'?: unknown };

const UNKNOWN_QUOTA_S = 60;
const SPEND_LIMIT_S = 120;
/** A quota costs no failure, so a delay of nothing would ask again without end. */
const SHORTEST_HOLD_S = 1;

/**
 * How long to hold calls after a 429. Quotas are the project's, mostly per model. A daily quota ends at midnight
 * Pacific time, whatever RetryInfo says; a limit on spending holds the whole project.
 * Source: https://ai.google.dev/gemini-api/docs/rate-limits
 */
export function quotaHold(model: string, message: string, details: ErrorDetail[], now: Date): Hold {
  if (/spend(ing)?[ -](based )?rate/i.test(message)) return { scope: 'project', seconds: SPEND_LIMIT_S };
  const scope = `model:${model}`;
  if (quotaIds(details).some((id) => id.includes('PerDay')))
    return { scope, seconds: secondsToMidnightPacific(now) };
  return {
    scope,
    seconds: withJitter(Math.max(SHORTEST_HOLD_S, retryDelaySeconds(details) ?? UNKNOWN_QUOTA_S)),
  };
}

function quotaIds(details: ErrorDetail[]): string[] {
  return details
    .flatMap((detail) => (Array.isArray(detail.violations) ? detail.violations : []))
    .map((violation: unknown) => String((violation as { quotaId?: unknown } | null)?.quotaId ?? ''));
}

/** RetryInfo's delay is a string like '27s' or '1.5s'. */
function retryDelaySeconds(details: ErrorDetail[]): number | null {
  for (const { retryDelay } of details) {
    const seconds = typeof retryDelay === 'string' ? Number(retryDelay.replace(/s$/, '')) : Number.NaN;
    if (Number.isFinite(seconds) && seconds >= 0) return Math.min(seconds, 3_600);
  }
  return null;
}

/** Up to a tenth more, so that many projects on one schedule do not come back in one moment. */
const withJitter = (seconds: number) => seconds * (1 + Math.random() / 10);

const PACIFIC = new Intl.DateTimeFormat('en-US', {
  timeZone: 'America/Los_Angeles',
  hourCycle: 'h23',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
});

/** To the next midnight, also on the days of 23 and 25 hours on which the clocks change. */
export function secondsToMidnightPacific(now: Date): number {
  const left = 86_400 - secondsOfPacificDay(now);
  const arrived = secondsOfPacificDay(new Date(now.getTime() + left * 1_000));
  // The clock shows an hour past midnight when one was skipped on the way, an hour before when one came twice.
  return left - (arrived < 43_200 ? arrived : arrived - 86_400);
}

function secondsOfPacificDay(at: Date): number {
  const parts = PACIFIC.formatToParts(at);
  const part = (type: string) => Number(parts.find((candidate) => candidate.type === type)?.value);
  return part('hour') * 3_600 + part('minute') * 60 + part('second');
}
