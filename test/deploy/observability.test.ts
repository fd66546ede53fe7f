import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Metric } from 'prom-client';
import { parse } from 'yaml';
import { z } from 'zod';
import { createEventsMetrics } from '../../src/api/events/events-metrics.ts';
import { createHttpMetrics } from '../../src/api/http-metrics.ts';
import { createRateLimitMetrics } from '../../src/api/rate-limit-metrics.ts';
import { createCallMetrics } from '../../src/shared/metrics/call-metrics.ts';
import { createMetricsPage } from '../../src/shared/metrics/metrics-page.ts';
import { observeQueueActions } from '../../src/shared/metrics/queue-actions.ts';
import { createRegistry } from '../../src/shared/metrics/registry.ts';
import { createModels, modelsConfig } from '../../src/shared/models.ts';
import type { Store } from '../../src/shared/store.ts';
import { createAttemptMetrics } from '../../src/worker/attempt-metrics.ts';
import { observeGemini } from '../../src/worker/gemini-metrics.ts';
import { createSlotGauges } from '../../src/worker/slot-gauges.ts';
import { createWebhookMetrics } from '../../src/worker/webhook-metrics.ts';
import { createLogLines } from '../support/log-lines.ts';
import { assertKnown, seriesOf } from '../support/promql.ts';
import { readManifests } from './manifests.ts';

/** All that an API and a worker register, in one registry. */
function allMetrics() {
  const registry = createRegistry();
  const models = createModels(modelsConfig.MODELS_FILE.parse(undefined), undefined);
  const nobodyCalls = () => Promise.reject(new Error('nobody calls this'));
  createCallMetrics(registry);
  observeQueueActions({} as Store, registry);
  createMetricsPage({
    registry,
    models,
    store: { getQueueGauges: nobodyCalls },
    checkDependencies: nobodyCalls,
    log: createLogLines().log,
  });
  createHttpMetrics(registry);
  createRateLimitMetrics(registry);
  createEventsMetrics(registry);
  createAttemptMetrics(registry);
  createWebhookMetrics(registry);
  observeGemini({ generateImage: nobodyCalls }, models, registry);
  createSlotGauges(registry, { count: () => 0, busy: () => 0 });
  // What prom-client's types leave out.
  return registry.getMetricsAsArray() as unknown as (Metric & {
    name: string;
    help: string;
    type: string;
    labelNames: string[];
  })[];
}

const metrics = allMetrics();
const series = seriesOf(metrics);
const readme = readFileSync('README.md', 'utf8');
const own = metrics.filter(({ name }) => name.startsWith('darkroom_'));

describe('the metrics', () => {
  it('are named by the conventions: base units, and _total for what is counted', () => {
    for (const { name, type, help } of own) {
      assert.match(name, /^darkroom_[a-z]+(_[a-z]+)*$/);
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      assert.doesNotMatch(name, /_(ms|milliseconds|minutes|kb|count|sum|bucket)$/, name);
      assert.match(help, /\.$/, name);
    }
  });

  it('are in the README, all of them and no others', () => {
    const named = new Set([...readme.matchAll(/`(darkroom_[a-z_]+)[`{]/g)].map(([, name]) => name));
    assert.deepEqual([...named].sort(), own.map(({ name }) => name).sort());
  });
});

it('workers are scaled by metrics and labels that there are', () => {
  const scaled = readManifests().find(({ kind }) => kind === 'ScaledObject')?.object.spec;

  for (const { metadata } of scaled.triggers) assertKnown('worker-scaling.yaml', metadata.query, series);
});

const rulesSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string().min(1),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Darkroom[A-Z][A-Za-z]+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+[smh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string().min(10), runbook: z.string().min(80) }),
        }),
      ),
    }),
  ),
});

describe('the alert rules', () => {
  const { groups } = rulesSchema.parse(parse(readFileSync('deploy/prometheus/alerts.yml', 'utf8')));
  const rules = groups.flatMap((group) => group.rules);

  it('have names of their own', () => {
    const names = rules.map(({ alert }) => alert);
    assert.deepEqual(names, [...new Set(names)]);
  });

  it('name metrics and labels that there are', () => {
    for (const { alert, expr } of rules) assertKnown(alert, expr, series);
  });

  it('refer to other rules, and to variables, that there are', () => {
    const names = new Set(rules.map(({ alert }) => alert));
    for (const { alert, annotations } of rules) {
      for (const [name] of annotations.runbook.matchAll(/\bDarkroom[A-Z]\w+/g))
        assert.ok(names.has(name), `${alert}: ${name}`);
      for (const [name] of annotations.runbook.matchAll(/\bdarkroom_\w+/g))
        assert.ok(series.has(name) || series.has(`${name}_count`), `${alert}: ${name}`);
      for (const [name] of annotations.runbook.matchAll(/\b[A-Z]+_[A-Z_]+\b/g))
        assert.ok(readme.includes(`\`${name}\``), `${alert}: ${name}`);
    }
  });
});

describe('the dashboard', () => {
  const { panels, templating } = z
    .looseObject({
      uid: z.literal('darkroom'),
      schemaVersion: z.int(),
      templating: z.looseObject({ list: z.array(z.looseObject({ name: z.string() })) }),
      panels: z.array(
        z.looseObject({
          id: z.int(),
          title: z.string().min(1),
          gridPos: z.strictObject({ h: z.int(), w: z.int(), x: z.int(), y: z.int() }),
          targets: z.array(z.looseObject({ refId: z.string(), expr: z.string() })).default([]),
        }),
      ),
    })
    .parse(JSON.parse(readFileSync('deploy/grafana/dashboards/darkroom.json', 'utf8')));

  it('asks for metrics and labels that there are', () => {
    for (const { title, targets } of panels)
      for (const { expr, legendFormat } of targets) {
        assertKnown(title, expr, series);
        for (const [, label = ''] of String(legendFormat).matchAll(/\{\{(\w+)\}\}/g))
          assert.ok(expr.includes(label) || label === 'instance', `${title}: {{${label}}}`);
      }
  });

  it('has panels with ids and places of their own, and its data source as a variable', () => {
    const ids = panels.map(({ id }) => id);
    assert.deepEqual(ids, [...new Set(ids)]);
    const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    assert.equal(cells.length, new Set(cells).size);
    assert.ok(panels.every(({ gridPos: { w, x } }) => x + w <= 24));
    assert.deepEqual(
      templating.list.map(({ name }) => name),
      ['datasource'],
    );
  });
});
