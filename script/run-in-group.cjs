// Runs a command in a process group of its own and ends the whole group when this process is stopped, or when one of
// those that wait for it was killed: npm and what it starts would go on for a minute, and write where the next run works.
// Arguments: the pid of the script that a person called, the command, its arguments. CommonJS, for any Node that has npm.
const { spawn } = require('node:child_process');

const CHECK_MS = 200;
const [caller, command, ...args] = process.argv.slice(2);
const parent = process.ppid;
// Its output goes to stderr: stdout belongs to the script that was called.
const child = spawn(command, args, { detached: true, stdio: ['ignore', 2, 2] });

child.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(127);
});
child.once('exit', (code) => process.exit(code === null ? 1 : code));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, endGroup);
setInterval(() => {
  if (process.ppid !== parent || !isAlive(Number(caller))) endGroup();
}, CHECK_MS);

function endGroup() {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
