import type { Logger } from './logger.ts';

/**
 * Ends the process once, on SIGTERM or SIGINT: runs `stop` and exits with 0, or with 1 when it throws or takes longer
 * than `deadlineMs`. A second signal ends it at once, with 1.
 */
export function stopOnSignal(options: { log: Logger; deadlineMs: number; stop: () => Promise<void> }): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) {
      options.log.warn({ signal }, 'process.stopped_at_once');
      process.exit(1);
    }
    stopping = true;
    options.log.info({ signal }, 'process.stopping');
    const deadline = setTimeout(() => {
      options.log.error({ deadline_ms: options.deadlineMs }, 'process.stop_timed_out');
      process.exit(1);
    }, options.deadlineMs);
    options.stop().then(
      () => {
        clearTimeout(deadline);
        options.log.info('process.stopped');
        process.exit(0);
      },
      (error: unknown) => {
        options.log.error({ err: error }, 'process.stop_failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
