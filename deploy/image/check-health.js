// A container's health: whether its process answers on its own port. Which of the commands it runs is read from process
// 1, because a health check sees the environment but not the arguments. Never looks at a dependency: a container that is
// killed because Redis is away would only make matters worse.
import { readFileSync } from 'node:fs';

const commandLine = readFileSync('/proc/1/cmdline', 'utf8').split('\0');
const command = commandLine.find((word) => ['api', 'worker', 'migrate', 'simulator'].includes(word));
const { PORT = '8080', WORKER_PORT = '' } = process.env;
const urls = {
  api: `http://127.0.0.1:${PORT}/healthz`,
  // Without a port of its own a worker watches itself, and ends when it hears of no jobs any more.
  worker: WORKER_PORT && `http://127.0.0.1:${WORKER_PORT}/healthz`,
  simulator: `http://127.0.0.1:${PORT}/_simulator/calls`,
};
const url = urls[command];
if (url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(4_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}
