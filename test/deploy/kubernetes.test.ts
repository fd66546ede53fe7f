import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parseEnv } from 'node:util';
import { apiConfig } from '../../src/api/config.ts';
import { loadConfig } from '../../src/shared/config.ts';
import { workerConfig } from '../../src/worker/config.ts';
import { LAST_REPORTS_MS } from '../../src/worker/start-worker.ts';
import { readDocuments, readManifests, schemaOf } from './manifests.ts';

const manifests = readManifests();
// Below the checkout, where the schemas' packages are found.
const folder = mkdtempSync('node_modules/.manifests-');
after(() => rmSync(folder, { recursive: true }));

describe('the schema of its API accepts', () => {
  for (const manifest of manifests) {
    test(`the ${manifest.kind} of ${manifest.file}`, async () => {
      const models = await import(schemaOf(manifest));
      new models[manifest.kind](manifest.object).validate();
    });
  }
});

test('no field is misspelled or in the wrong place', () => {
  assert.deepEqual(checkTypes(manifests.map(({ object }) => object)), []);
  const [first] = manifests.filter(({ kind }) => kind === 'Deployment');
  const misspelled = structuredClone(first?.object);
  misspelled.spec.template.spec.terminationGracePeriod = 3;
  assert.match(String(checkTypes([misspelled])), /terminationGracePeriod"' does not exist/);
});

/** The compiler refuses what the types do not name, which the schemas let pass. */
function checkTypes(objects: { apiVersion: string; kind: string }[]): string[] {
  const file = join(folder, `check-${objects.length}.ts`);
  const lines = objects.map((object, index) => {
    const type = `import('${schemaOf({ ...object, file: '', object })}').I${object.kind}`;
    return `export const _${index} = ${JSON.stringify(object)} satisfies ${type};`;
  });
  writeFileSync(file, lines.join('\n'));
  const options = ['--noEmit', '--ignoreConfig', '--strict', '--skipLibCheck', '--module', 'nodenext'];
  const { stdout, status } = spawnSync('tsc', [...options, file], { encoding: 'utf8' });
  assert.notEqual(status, null);
  return stdout.split('\n').filter((line) => line.includes('error TS'));
}

test('every file is applied, and a secret is only an example', () => {
  const [kustomization] = readDocuments('kustomization.yaml');
  const applied = (kustomization.resources as string[]).toSorted();

  const files = new Set(manifests.map(({ file }) => file.replace('secret.example.yaml', 'secret.yaml')));
  assert.deepEqual(applied, [...files].toSorted());
  assert.match(readFileSync('.gitignore', 'utf8'), /^deploy\/kubernetes\/secret\.yaml$/m);
});

/** The environment of a container, as the cluster would put it together. */
function environmentOf(component: string): Record<string, string> {
  const container = podOf(component).containers[0];
  const sources = (container.envFrom as { configMapRef?: Named; secretRef?: Named }[]).map((source) => {
    const [kind, name] = source.configMapRef
      ? ['ConfigMap', source.configMapRef.name]
      : ['Secret', source.secretRef?.name];
    const found = manifests.find((one) => one.kind === kind && one.object.metadata.name === name);
    assert.ok(found, `${kind} ${name} is missing`);
    return found.object.data ?? found.object.stringData;
  });
  const single = (container.env ?? []).map(({ name, value }: { name: string; value?: string }) => [
    name,
    value ?? 'from the pod',
  ]);
  return Object.assign({}, ...sources, Object.fromEntries(single));
}
type Named = { name: string };

function podOf(component: string) {
  const workload = manifests.find(
    ({ kind, object }) =>
      ['Deployment', 'Job'].includes(kind) && object.metadata.name === `darkroom-${component}`,
  );
  assert.ok(workload, `there is no ${component}`);
  return workload.object.spec.template.spec;
}

test('the environment is known, and what the processes take', () => {
  const known = new Set(Object.keys(parseEnv(readFileSync('.env.example', 'utf8').replaceAll('\n# ', '\n'))));
  for (const component of ['api', 'worker', 'migrate']) {
    const unknown = Object.keys(environmentOf(component)).filter((name) => !known.has(name));
    assert.deepEqual(unknown, [], component);
  }
  loadConfig(apiConfig, environmentOf('api'));
  loadConfig(workerConfig, environmentOf('worker'));
});

test('a pod that goes has the time that its process takes', () => {
  const api = loadConfig(apiConfig, environmentOf('api'));
  const worker = loadConfig(workerConfig, environmentOf('worker'));
  const margin = 10_000;

  assert.ok(
    podOf('worker').terminationGracePeriodSeconds * 1_000 >=
      worker.SHUTDOWN_GRACE_MS + LAST_REPORTS_MS + margin,
  );
  assert.ok(worker.SHUTDOWN_GRACE_MS > worker.GEMINI_TIMEOUT_MS, 'a call that was paid for may end');
  const { sleep } = podOf('api').containers[0].lifecycle.preStop;
  assert.ok(
    podOf('api').terminationGracePeriodSeconds * 1_000 >=
      api.SHUTDOWN_GRACE_MS + sleep.seconds * 1_000 + margin,
  );
});

test('a worker is added for as many images as one takes', () => {
  const scaled = manifests.find(({ kind }) => kind === 'ScaledObject')?.object.spec;

  assert.equal(scaled.scaleTargetRef.name, 'darkroom-worker');
  assert.equal(scaled.triggers[0].metadata.threshold, environmentOf('worker').WORKER_CONCURRENCY);
});

test('no container runs as root or may write to its image', () => {
  for (const component of ['api', 'worker', 'migrate']) {
    const { securityContext, containers, automountServiceAccountToken } = podOf(component);
    const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities } = containers[0].securityContext;
    assert.deepEqual(
      [securityContext.runAsNonRoot, automountServiceAccountToken, readOnlyRootFilesystem],
      [true, false, true],
    );
    assert.deepEqual([allowPrivilegeEscalation, capabilities.drop], [false, ['ALL']]);
  }
});
