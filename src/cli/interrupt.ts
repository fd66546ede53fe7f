import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The reason of an aborted command that was told to stop. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.name = 'Interrupted';
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** The first Ctrl-C aborts `signal`, so that nothing is left half; the second ends the process at once. */
export function listenForStop(events: NodeJS.EventEmitter, exit: (code: number) => never) {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    const reason = new Interrupted(name);
    if (controller.signal.aborted) exit(reason.exitCode);
    controller.abort(reason);
  };
  for (const name of SIGNALS) events.on(name, onSignal);
  return controller;
}
