import { describeEnding } from './wait-until-ready.ts';
import type { Watchdog } from './watchdog-client.ts';

/**
 * Lets `work` start processes and stops them all afterwards. A stop is ordered at the moment it is requested, and a
 * process that ends on its own aborts `signal`; so whatever `work` waits for ends.
 */
export async function whileWatched<T>(
  watchdog: Watchdog,
  { stopRequested, hurryRequested }: { stopRequested: AbortSignal; hurryRequested: AbortSignal },
  work: (start: Watchdog['start'], signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const failure = new AbortController();
  const signal = AbortSignal.any([stopRequested, failure.signal]);
  stopRequested.addEventListener('abort', () => watchdog.order('stop'));
  hurryRequested.addEventListener('abort', () => watchdog.order('hurry'));
  const start: Watchdog['start'] = async (spec) => {
    const process = await watchdog.start(spec);
    if (!spec.runsToEnd) process.ended.then((ending) => failure.abort(describeEnding(process, ending)));
    return process;
  };
  try {
    stopRequested.throwIfAborted();
    return await work(start, signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    await watchdog.stop();
  }
}
