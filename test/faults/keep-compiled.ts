import { flushCompileCache } from 'node:module';

/** Loaded into a process that a test starts: one that is killed would leave nothing compiled for the next. */
setTimeout(flushCompileCache, 1_000).unref();
