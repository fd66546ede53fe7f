import { SingleBar } from 'cli-progress';
import { createRate } from './rate.ts';
import type { Terminal } from './terminal.ts';

const LINE_EVERY_MS = 10_000;

export type Step = {
  done: number;
  /** How many have ended, whether this command has come to them or not: that is how fast it goes. */
  ended: number;
  text: string;
  /** Seconds that others reckon with, for as long as this command cannot tell by itself. */
  left: number | null;
  /** Why nothing goes on, and there is no time to tell; null while it does. */
  halted: string | null;
};

export type Progress = {
  update(step: Step): void;
  /** Takes the bar away. */
  stop(): void;
};

/** A bar where there is a terminal for it; elsewhere a line now and then. `total` is how many there will be. */
export function createProgress(terminal: Terminal, total: number): Progress {
  const measure = createRate();
  const describe: Describe = ({ ended, text, left, halted }) => {
    const perSecond = measure(ended, Date.now());
    if (ended >= total) return text;
    if (halted !== null) return `${text}, ${halted}`;
    if (perSecond === null) return left ? `${text}, about ${formatSeconds(left)} left` : text;
    const ownLeft = formatSeconds(Math.ceil((total - ended) / perSecond));
    return `${text}, ${formatRate(perSecond)}, about ${ownLeft} left`;
  };
  return terminal.canvas
    ? createBar(terminal, terminal.canvas, total, describe)
    : createLines(terminal, total, describe);
}

type Describe = (step: Step) => string;

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
  // The bar goes to where the cursor was saved when it is taken away, which is below all lines.
  terminal.aroundLines({
    before: () => void stream.write('\r\u001b[K'),
    after: () => void stream.write('\u001b7'),
  });
  return {
    update: (step) => bar.update(step.done, { text: describe(step) }),
    stop() {
      bar.stop();
      terminal.aroundLines({ before: () => undefined, after: () => undefined });
    },
  };
}

function createLines(terminal: Terminal, total: number, describe: Describe): Progress {
  let toldAt = Date.now();
  let told = '';
  return {
    update(step) {
      const text = describe(step);
      const news = `${step.done} ${step.halted}`;
      if (news === told || Date.now() - toldAt < LINE_EVERY_MS) return;
      toldAt = Date.now();
      told = news;
      terminal.say(`${step.done}/${total}  ${text}`);
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
