#!/usr/bin/env node
/**
 * `darkroom`: in a checkout the TypeScript as it is, in an installed package what it was compiled to (Node strips no types
 * below node_modules). Plain JavaScript for any Node that has ES modules, so that an old one is told what is missing.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const pathOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const source = pathOf('../src/cli/main.ts');
const main = existsSync(source) ? source : pathOf('../dist/cli/main.js');
const ownNode = pathOf('../.tools/node/node_modules/node/bin/node');
const [major, minor] = process.versions.node.split('.').map(Number);

// That Node takes the types away by itself is no news to whoever runs this.
const emitWarning = process.emitWarning.bind(process);
process.emitWarning = (warning, ...rest) => {
  if (rest[0] !== 'ExperimentalWarning') emitWarning(warning, ...rest);
};

if (major > 23 || (major === 22 && minor > 21)) await import(pathToFileURL(main).href);
else if (main === source && existsSync(ownNode)) runBy(ownNode);
else {
  const way = main === source ? 'run script/bootstrap once, which fetches it' : 'see https://nodejs.org';
  process.stderr.write(`darkroom needs Node 22.22 or newer, and this is ${process.versions.node}: ${way}.\n`);
  process.exitCode = 1;
}

/** The Node that script/bootstrap has put there. It hears a Ctrl-C itself; what only this process hears is passed on. */
function runBy(node) {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code;
    else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}
