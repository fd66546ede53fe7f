/** `script/demo`: brings up the embedded stack, makes one image through the API, and keeps serving until Ctrl-C. */
import { once } from 'node:events';
import { constants } from 'node:os';
import { loadConfig } from '../shared/config.ts';
import { checkPng } from './check-image.ts';
import { DEMO_DATASET, seedDemoDataset } from './demo-dataset.ts';
import { type DemoRecord, generateDemoImage } from './demo-generation.ts';
import { describeWhereToLook, SIMULATOR_WARNING } from './demo-guide.ts';
import { demoEnvironment, parseDemoFlags, selectBaseEnv, USAGE } from './demo-options.ts';
import { createProgress } from './demo-progress.ts';
import { signInDemoUser } from './demo-user.ts';
import { type Stack, withStack } from './stack.ts';
import { StackError } from './stack-error.ts';

const flags = readFlags();
const env = loadConfig(demoEnvironment, process.env);
const stop = new AbortController();
const hurry = new AbortController();
let stoppedBy: NodeJS.Signals | undefined;
let serving = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
process.exitCode = await runDemo();

async function runDemo(): Promise<number> {
  if (env.GEMINI_API_KEY === undefined) say(SIMULATOR_WARNING);
  try {
    const record = await withStack(
      {
        dataDir: flags.dataDir,
        geminiApiKey: env.GEMINI_API_KEY,
        logLevel: env.LOG_LEVEL,
        baseEnv: selectBaseEnv(env),
        say,
        stopRequested: stop.signal,
        hurryRequested: hurry.signal,
      },
      demonstrate,
    );
    printRecord(record);
    return 0;
  } catch (error) {
    if (stoppedBy) return serving ? 0 : 128 + constants.signals[stoppedBy];
    say(`\n${describeError(error)}`);
    return 1;
  }
}

async function demonstrate(stack: Stack, signal: AbortSignal): Promise<DemoRecord> {
  say(`The API answers at ${stack.apiUrl}.`);
  const seeded = await seedDemoDataset(stack);
  say(`The dataset "${DEMO_DATASET.brand}" ${seeded === 'seeded' ? 'was put in place' : 'is there'}.`);
  const token = await signInDemoUser(stack);
  const onChange = createProgress(say);
  const record = await generateDemoImage({ apiUrl: stack.apiUrl, token, signal, onChange });
  const { width, height, bytes } = await checkPng(record.image_url ?? '', 16 / 9, signal);
  say(`The image is a PNG of ${width} × ${height}, ${bytes} bytes, fetched from its image_url.`);
  if (env.GEMINI_API_KEY === undefined) say('Drawn by the SIMULATOR, not by Gemini.');
  if (flags.once) return record;
  say(describeWhereToLook({ stack, record, dataDir: flags.dataDir, token }));
  serving = true;
  await once(signal, 'abort');
  throw signal.reason;
}

function onSignal(signal: NodeJS.Signals): void {
  if (stoppedBy) {
    hurry.abort();
    return;
  }
  stoppedBy = signal;
  say('\nStopping. The worker may finish what it draws; Ctrl-C again stops it at once.');
  stop.abort();
}

function readFlags() {
  const parsed = parseDemoFlags(process.argv.slice(2));
  if (typeof parsed === 'string') {
    process.stderr.write(`${parsed}\n\n${USAGE}`);
    process.exit(2);
  }
  if (parsed.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  return parsed;
}

function printRecord(record: DemoRecord): void {
  process.stdout.write(`${JSON.stringify(record, null, 2)}\n`);
}

/** Anything but a StackError is a bug, and worth its stack trace. */
function describeError(error: unknown): string {
  if (error instanceof StackError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
