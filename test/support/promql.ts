import assert from 'node:assert/strict';

const OURS = /\b(?:darkroom|nodejs|process)_\w+/g;
/** Labels that Prometheus adds. */
const ADDED = new Set(['instance', 'job']);

/** A metric that a PromQL expression names, with the labels that it matches, groups or joins by. */
export type Use = { name: string; labels: string[] };

/**
 * The metrics in an expression. Labels of a `by (…)` or `on (…)` belong to every metric of it that has not those of its own
 * in braces, which is stricter than Prometheus and true for the expressions here.
 */
export function metricsOf(expr: string): Use[] {
  const grouped = [...expr.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)].flatMap(
    ([, labels = '']) => labels.split(',').map((label) => label.trim()),
  );
  return [...expr.matchAll(OURS)].map(({ 0: name, index }) => {
    const matchers = /^\{([^}]*)\}/.exec(expr.slice(index + name.length))?.[1] ?? '';
    const matched = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label);
    return {
      name,
      labels: [...new Set([...matched, ...grouped])].filter((label) => label !== '' && !ADDED.has(label)),
    };
  });
}

/** What a metric in a registry is, by the name of each of its series: with `_bucket`, `_sum` and `_count` of a histogram. */
export function seriesOf(
  metrics: { name: string; type: string; labelNames: string[] }[],
): Map<string, string[]> {
  return new Map(
    metrics.flatMap(({ name, type, labelNames }): [string, string[]][] =>
      type === 'histogram'
        ? [
            [`${name}_bucket`, [...labelNames, 'le']],
            [`${name}_sum`, labelNames],
            [`${name}_count`, labelNames],
          ]
        : [[name, labelNames]],
    ),
  );
}

/** Every metric of an expression is there and has the labels. */
export function assertKnown(what: string, expr: string, series: Map<string, string[]>): void {
  const uses = metricsOf(expr);
  assert.ok(uses.length > 0, `${what} names no metric`);
  for (const { name, labels } of uses) {
    const known = series.get(name);
    assert.ok(known, `${what}: there is no ${name}`);
    for (const label of labels) assert.ok(known.includes(label), `${what}: ${name} has no label ${label}`);
  }
}
