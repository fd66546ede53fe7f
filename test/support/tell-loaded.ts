import { registerHooks } from 'node:module';

// Preloaded into a process of a test: tells on stderr of every module of OpenTelemetry that the process loads, but for
// its bare API, which prom-client loads too.
registerHooks({
  load(url, context, load) {
    if (/open-?telemetry/.test(url) && !url.includes('/@opentelemetry/api/')) {
      process.stderr.write(`loaded ${url}\n`);
    }
    return load(url, context);
  },
});
