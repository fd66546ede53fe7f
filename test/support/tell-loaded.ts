import { registerHooks } from 'node:module';

// Preloaded into a process of a test: tells on stderr of every module of OpenTelemetry that the process loads.
registerHooks({
  load(url, context, load) {
    if (url.includes('opentelemetry') || url.includes('open-telemetry')) {
      process.stderr.write(`loaded ${url}\n`);
    }
    return load(url, context);
  },
});
