import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { apiConfig } from '../../src/api/config.ts';
import { workerConfig } from '../../src/worker/config.ts';
import { LAST_REPORTS_MS } from '../../src/worker/start-worker.ts';
import { type ComposeService, readComposeFile, serviceOf } from './compose-file.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const { text, services } = readComposeFile();
const all = [...services];
const isOurs = ({ build }: ComposeService) => build !== undefined;
const [api, worker] = [serviceOf(services, 'api'), serviceOf(services, 'worker')];

describe('every service of docker-compose.yml', () => {
  it('has an image with its whole version, or is built here', () => {
    const loose = all.filter(([, service]) => !isOurs(service) && !/:v?\d+\.\d+[\w.-]*$/.test(service.image));
    assert.deepEqual(loose, []);
    for (const [, { build }] of all) {
      if (build) assert.match(read('Dockerfile'), new RegExp(`^FROM .* AS ${build.target}$`, 'm'));
    }
  });

  it('opens ports to this machine only', () => {
    const ports = all.flatMap(([, service]) => service.ports);
    assert.ok(ports.length > 0);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:\$\{[A-Z_]+:-\d+\}:\d+$/);
  });

  it('tells whether it is well, unless it ends by itself', () => {
    assert.match(read('Dockerfile'), /^HEALTHCHECK /m);
    for (const [name, service] of all) {
      if (name === 'migrate') assert.equal(service.healthcheck?.disable, true);
      else assert.ok(service.healthcheck?.test || isOurs(service), name);
    }
  });

  it('waits until what it needs is well', () => {
    for (const [name, { depends_on }] of all) {
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        const expected = needed === 'migrate' ? 'service_completed_successfully' : 'service_healthy';
        assert.equal(condition, expected, `${name} needs ${needed}`);
        const { profiles } = serviceOf(services, needed);
        assert.ok(
          profiles.length === 0 || profiles.join() === serviceOf(services, name).profiles.join(),
          needed,
        );
      }
    }
    for (const { depends_on } of [api, worker]) {
      assert.deepEqual(Object.keys(depends_on).sort(), ['gateway', 'migrate', 'redis']);
    }
  });

  it('mounts only files that are here', () => {
    const files = all.flatMap(([, { volumes }]) => volumes.filter((volume) => volume.startsWith('./')));
    for (const file of files) assert.ok(existsSync(new URL(file.split(':')[0] ?? '', root)), file);
  });

  it('has its secrets from .env', () => {
    const secrets = all.flatMap(([, { environment }]) =>
      Object.entries(environment).filter(([key]) =>
        /PASSWORD|SECRET|TOKEN|KEY$|DATABASE_URL|DB_URI/.test(key),
      ),
    );
    assert.ok(secrets.length > 8);
    for (const [key, value] of secrets) assert.match(String(value), /\$\{[A-Z_]+(:[-?].*)?\}/, key);
  });
});

it('PostgREST can be asked whether it is ready', () => {
  const { environment, healthcheck } = serviceOf(services, 'rest');
  assert.deepEqual(healthcheck?.test, ['CMD', 'postgrest', '--ready']);
  assert.equal(environment.PGRST_ADMIN_SERVER_PORT, 3001);
  // It refuses `!4` and the like with exit code 1; so it would if no host were set.
  assert.match(String(environment.PGRST_ADMIN_SERVER_HOST), /^[\w.]+$/);
});

it('the services of ours have no rights that they do not need', () => {
  for (const [name, service] of all.filter(([, each]) => isOurs(each))) {
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ['ALL'], name);
    assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
  }
});

it('workers can be many: nothing of theirs is there once only', () => {
  assert.deepEqual(worker.ports, []);
  assert.deepEqual(worker.volumes, []);
});

it('a stopping process is not killed before its own deadline', () => {
  const seconds = ({ stop_grace_period }: ComposeService) => Number(stop_grace_period?.replace(/s$/, ''));
  const graceMs = ({ environment }: ComposeService) => Number(environment.SHUTDOWN_GRACE_MS);
  assert.ok(seconds(api) * 1_000 >= graceMs(api) + 5_000);
  assert.ok(seconds(worker) * 1_000 >= graceMs(worker) + LAST_REPORTS_MS);
});

describe('the environment', () => {
  for (const [name, service, schema] of [
    ['api', api, apiConfig],
    ['worker', worker, workerConfig],
  ] as const) {
    it(`of ${name} has only variables that it reads, and those that it must have`, () => {
      const known = variablesOf(schema);
      const given = Object.keys(service.environment);
      assert.deepEqual(
        given.filter((key) => !known.all.has(key)),
        [],
      );
      assert.deepEqual(
        [...known.required].filter((key) => !given.includes(key)),
        [],
      );
    });
  }

  it('is described in .env.example', () => {
    const described = new Set(
      [...read('.env.example').matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, key]) => key),
    );
    const used = [...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, key]) => key);
    assert.deepEqual(
      used.filter((key) => !described.has(key)),
      [],
    );
  });

  it('refuses to be without what has no default', () => {
    const required = new Set([...text.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, key]) => key));
    assert.deepEqual([...required].sort(), [
      'ADMIN_TOKEN',
      'GEMINI_API_KEY',
      'GRAFANA_PASSWORD',
      'POSTGRES_PASSWORD',
      'SUPABASE_ANON_KEY',
      'SUPABASE_JWT_SECRET',
      'SUPABASE_SERVICE_ROLE_KEY',
    ]);
  });
});

it('the image is made with the Node that script/bootstrap fetches', () => {
  const [, version] = /^NODE_VERSION=(.+)$/m.exec(read('script/bootstrap')) ?? [];
  assert.ok(version);
  assert.match(read('Dockerfile'), new RegExp(`^ARG NODE_VERSION=${version}$`, 'm'));
});

it('the image takes only files that are here and that .dockerignore lets through', () => {
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) =>
    paths.split(' '),
  );
  const allowed = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path = '']) => path);
  assert.ok(copied.length > 8);
  for (const path of copied) {
    assert.ok(existsSync(fileURLToPath(new URL(path, root))), path);
    assert.ok(
      allowed.some((each) => path === each || path.startsWith(`${each}/`)),
      path,
    );
  }
});

/** The names in a schema made of objects and intersections of them, by its JSON Schema. */
function variablesOf(schema: z.ZodType): { all: Set<string>; required: Set<string> } {
  const all = new Set<string>();
  const required = new Set<string>();
  const walk = (part: z.core.JSONSchema.BaseSchema): void => {
    for (const key of Object.keys(part.properties ?? {})) all.add(key);
    for (const key of part.required ?? []) required.add(key);
    for (const each of part.allOf ?? []) walk(each as z.core.JSONSchema.BaseSchema);
  };
  walk(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  return { all, required };
}
