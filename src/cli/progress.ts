import { SingleBar } from 'cli-progress';
import type { Terminal } from './terminal.ts';

const LINE_EVERY_MS = 10_000;
/** Before that, a rate says little. */
const RATE_AFTER_MS = 1_000;

export type Progress = {
  update(done: number, text: string): void;
  /** Takes the bar away. */
  stop(): void;
};

/** A bar where there is a terminal for it; elsewhere a line now and then. `total` is how many there will be. */
export function createProgress(terminal: Terminal, total: number): Progress {
  const began = Date.now();
  let first: number | null = null;
  /** What was there when this command began is no sign of how fast it goes. */
  const describe = (done: number, text: string): string => {
    first ??= done;
    const seconds = (Date.now() - began) / 1_000;
    const perSecond = (done - first) / seconds;
    if (done >= total || perSecond === 0 || seconds * 1_000 < RATE_AFTER_MS) return text;
    const left = formatSeconds(Math.ceil((total - done) / perSecond));
    return `${text}, ${formatRate(perSecond)}, about ${left} left`;
  };
  return terminal.canvas
    ? createBar(terminal, terminal.canvas, total, describe)
    : createLines(terminal, total, describe);
}

type Describe = (done: number, text: string) => string;

function createBar(
  terminal: Terminal,
  stream: NodeJS.WriteStream,
  total: number,
  describe: Describe,
): Progress {
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total}  {text}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    // The library's way is to switch the terminal's wrapping off, and a killed process would leave it so.
    linewrap: true,
    hideCursor: false,
    clearOnComplete: true,
    gracefulExit: false,
  });
  bar.start(total, 0, { text: '' });
  const clear = (): void => {
    stream.write('\r\u001b[K');
  };
  terminal.beforeLines(clear);
  return {
    update: (done, text) => bar.update(done, { text: describe(done, text) }),
    stop() {
      bar.stop();
      terminal.beforeLines(() => undefined);
    },
  };
}

function createLines(terminal: Terminal, total: number, describe: Describe): Progress {
  let toldAt = Date.now();
  let told = -1;
  return {
    update(done, text) {
      if (done === told || Date.now() - toldAt < LINE_EVERY_MS) return;
      toldAt = Date.now();
      told = done;
      terminal.say(`${done}/${total}  ${describe(done, text)}`);
    },
    stop: () => undefined,
  };
}

/** `90 s`, `12 min`, `3 h 20 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function formatRate(perSecond: number): string {
  return perSecond >= 1 ? `${perSecond.toFixed(1)}/s` : `${(perSecond * 60).toFixed(1)}/min`;
}
