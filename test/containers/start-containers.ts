import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { GenericContainer, Network, type StartedTestContainer, Wait } from 'testcontainers';
import { createSupabaseKeys } from '../../src/local/gateway-keys.ts';
import { migrate } from '../../src/migrate/migrate.ts';
import { type ComposeService, readComposeFile, serviceOf } from '../deploy/compose-file.ts';
import type { GivenSupabase } from '../support/test-environment.ts';
import { fillIn } from './compose-values.ts';

const root = new URL('../../', import.meta.url);
const START_MS = 180_000;
const LOG_LINES = 20;

/** Each with the port that the tests use; in the order in which one needs the other. */
export const SERVICES = { redis: 6379, postgres: 5432, rest: null, storage: null, gateway: 8000 } as const;
type Name = keyof typeof SERVICES;

export type Containers = { supabase: GivenSupabase; redisUrl: string; stop(): Promise<void> };

/**
 * Starts Redis, Supabase's PostgreSQL, PostgREST and Storage, and the gateway in front, as docker-compose.yml describes
 * them: images, commands, environment, files and checks of health are read from there. Then the migrations.
 */
export async function startContainers(): Promise<Containers> {
  const { services } = readComposeFile();
  const jwtSecret = randomBytes(32).toString('hex');
  const keys = await createSupabaseKeys(jwtSecret);
  const password = randomBytes(24).toString('hex');
  const values = {
    POSTGRES_PASSWORD: password,
    SUPABASE_JWT_SECRET: jwtSecret,
    SUPABASE_ANON_KEY: keys.anonKey,
    SUPABASE_SERVICE_ROLE_KEY: keys.serviceRoleKey,
  };
  const network = await new Network().start();
  const started = new Map<Name, StartedTestContainer>();
  const stop = async (): Promise<void> => {
    for (const container of [...started.values()].toReversed()) await container.stop();
    await network.stop();
  };
  try {
    for (const name of Object.keys(SERVICES) as Name[]) {
      const container = describeContainer(name, serviceOf(services, name), values);
      started.set(name, await startNamed(name, container.withNetwork(network).withNetworkAliases(name)));
    }
    const addressOf = (name: 'redis' | 'postgres' | 'gateway') => {
      const container = started.get(name);
      return `${container?.getHost()}:${container?.getMappedPort(SERVICES[name])}`;
    };
    const database = (user: string) => `postgres://${user}:${password}@${addressOf('postgres')}/postgres`;
    await migrate({
      databaseUrl: database('postgres'),
      migrationsDir: fileURLToPath(new URL('migrations', root)),
    });
    const supabase = {
      url: `http://${addressOf('gateway')}`,
      // The tests look at and change what Darkroom's owner may not, such as the users.
      databaseUrl: database('supabase_admin'),
      jwtSecret,
      ...keys,
    };
    return { supabase, redisUrl: `redis://${addressOf('redis')}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Starts one.
 *
 * @throws with its name and the last lines of its log
 */
export async function startNamed<Started>(
  name: string,
  container: {
    withLogConsumer(consumer: (log: Readable) => unknown): unknown;
    start(): Promise<Started>;
  },
): Promise<Started> {
  const log: string[] = [];
  container.withLogConsumer((stream) => {
    createInterface({ input: stream }).on('line', (line) => {
      log.push(line);
      if (log.length > LOG_LINES) log.shift();
    });
  });
  try {
    return await container.start();
  } catch (error) {
    throw new Error([`The container ${name} did not start. Its log ends:`, ...log].join('\n  '), {
      cause: error,
    });
  }
}

function describeContainer(name: Name, service: ComposeService, values: Record<string, string>) {
  const environment = Object.entries(service.environment).map(([key, value]) => [
    key,
    fillIn(String(value), values),
  ]);
  const container = new GenericContainer(service.image)
    .withEnvironment(Object.fromEntries(environment))
    .withCopyFilesToContainer(filesOf(service))
    .withHealthCheck({
      test: ['CMD', ...testOf(name, service)],
      interval: 1_000,
      timeout: 3_000,
      retries: 180,
    })
    .withWaitStrategy(Wait.forHealthCheck().withStartupTimeout(START_MS))
    .withStartupTimeout(START_MS);
  if (service.command) container.withCommand(service.command);
  if (service.user) container.withUser(service.user);
  if (service.tmpfs.length > 0) container.withTmpFs(Object.fromEntries(service.tmpfs.map(readTmpfs)));
  const port = SERVICES[name];
  return port === null ? container : container.withExposedPorts(port);
}

/** Compose's list without its first word, which says that it is no shell's line. */
function testOf(name: Name, { healthcheck }: ComposeService): string[] {
  const [kind, ...test] = healthcheck?.test ?? [];
  if (kind !== 'CMD') throw new Error(`The check of ${name} in docker-compose.yml is no CMD.`);
  return test;
}

/** Files of this repository; named volumes are the container's own here, and go with it. */
function filesOf({ volumes }: ComposeService): { source: string; target: string; mode: number }[] {
  return volumes
    .filter((volume) => volume.startsWith('./'))
    .map((volume) => {
      const [source = '', target = ''] = volume.split(':');
      return { source: fileURLToPath(new URL(source, root)), target, mode: 0o644 };
    });
}

function readTmpfs(line: string): [string, string] {
  const [path = '', options = ''] = line.split(':');
  return [path, options];
}
