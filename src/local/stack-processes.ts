import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StackSettings } from './stack-settings.ts';
import type { ProcessSpec, StopPlan } from './watchdog-messages.ts';

const HOST = '127.0.0.1';

/** What the Node processes of the stack are made from. */
export type StackPlan = {
  dataDir: string;
  logFolder: string;
  settings: StackSettings;
  serviceRoleKey: string;
  adminToken: string;
  databaseUrl: string;
  redisUrl: string;
  /** Absent: the simulator draws. */
  geminiApiKey: string | undefined;
  logLevel: string;
  /** What every process inherits of ours, such as PATH; nothing else comes through. */
  baseEnv: Record<string, string>;
};

/** The address of a process of the stack. */
export function urlOf(port: number): string {
  return `http://${HOST}:${port}`;
}

/** The embedded Supabase gateway. */
export function describeGateway(plan: StackPlan): ProcessSpec {
  return describeNode(plan, 'supabase', 'local/gateway-main.ts', stopWithin(12_000), {
    HOST,
    PORT: String(plan.settings.ports.supabase),
    DATABASE_URL: plan.databaseUrl,
    STORAGE_DIR: join(plan.dataDir, 'storage'),
    JWT_SECRET: plan.settings.secrets.jwtSecret,
  });
}

/** The Gemini simulator. */
export function describeSimulator(plan: StackPlan): ProcessSpec {
  return describeNode(plan, 'gemini-simulator', 'local/gemini/main.ts', stopWithin(2_000), {
    HOST,
    PORT: String(plan.settings.ports.gemini),
  });
}

/** The API, open to anonymous callers. */
export function describeApi(plan: StackPlan): ProcessSpec {
  return describeNode(plan, 'api', 'api/main.ts', stopWithin(15_000), {
    HOST,
    PORT: String(plan.settings.ports.api),
    ...describeConnections(plan),
    SUPABASE_JWT_SECRET: plan.settings.secrets.jwtSecret,
    ADMIN_TOKEN: plan.adminToken,
    ANONYMOUS_ACCESS: 'true',
  });
}

/** The worker. It may finish what it draws for 20 s and hands the rest back before we lose patience. */
export function describeWorker(plan: StackPlan): ProcessSpec {
  return describeNode(plan, 'worker', 'worker/main.ts', stopWithin(30_000), {
    ...describeConnections(plan),
    SHUTDOWN_GRACE_MS: '20000',
    ...(plan.geminiApiKey === undefined
      ? { GEMINI_API_KEY: 'simulator', GEMINI_BASE_URL: urlOf(plan.settings.ports.gemini) }
      : { GEMINI_API_KEY: plan.geminiApiKey }),
  });
}

function describeConnections(plan: StackPlan): Record<string, string> {
  return {
    SUPABASE_URL: urlOf(plan.settings.ports.supabase),
    SUPABASE_SERVICE_ROLE_KEY: plan.serviceRoleKey,
    REDIS_URL: plan.redisUrl,
    // Another key is derived from it, and it is kept as long as what is sealed.
    WEBHOOK_ENCRYPTION_KEY: plan.settings.secrets.jwtSecret,
  };
}

function describeNode(
  plan: StackPlan,
  name: string,
  program: string,
  stop: StopPlan,
  env: Record<string, string>,
): ProcessSpec {
  return {
    name,
    command: process.execPath,
    args: [fileURLToPath(new URL(`../${program}`, import.meta.url))],
    env: { ...plan.baseEnv, LOG_LEVEL: plan.logLevel, ...env },
    cwd: plan.dataDir,
    logFile: join(plan.logFolder, `${name}.log`),
    stop,
  };
}

function stopWithin(graceMs: number): StopPlan {
  return { signal: 'SIGTERM', graceMs, hurrySignal: 'SIGKILL' };
}
