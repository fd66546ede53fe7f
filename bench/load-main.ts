/** A load generator: what LOAD says, and one line of what came of it. */
import autocannon from 'autocannon';
import type { Load, LoadResult } from './load.ts';

const { expect, seconds, ...load } = JSON.parse(process.env.LOAD ?? '{}') as Load;
const result = await autocannon({ ...load, duration: seconds, pipelining: 1, timeout: 30 });
const answers = Object.entries(result.statusCodeStats ?? {});
const unexpected = answers.filter(([status]) => Number(status) !== expect);
if (unexpected.length > 0 || result.errors > 0 || answers.length === 0) {
  throw new Error(`${JSON.stringify(result.statusCodeStats)}, ${result.errors} errors, not all ${expect}`);
}
const { requests, latency } = result;
const answer: LoadResult = { requestsPerSecond: requests.average, p50Ms: latency.p50, p99Ms: latency.p99 };
process.stdout.write(`${JSON.stringify(answer)}\n`);
