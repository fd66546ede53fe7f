/**
 * Loaded into a process that a test starts (`--import`): ends it when the test file is gone, however that came. Nothing
 * else would, when a run of the tests is killed.
 */
const parent = process.ppid;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, 250).unref();
