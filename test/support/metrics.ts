import assert from 'node:assert/strict';

type Sample = { name: string; labels: Record<string, string>; value: number };

/** What a scrape of this process says. */
export async function scrape(url: string, token?: string): Promise<Scrape> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/metrics`, { headers });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  return createScrape(text);
}

export type Scrape = {
  text: string;
  /** The sum of the samples with this name and these labels; null when there is none. */
  value(name: string, labels?: Record<string, string>): number | null;
  /** The values that a label has. */
  labelValues(name: string, label: string): string[];
};

function createScrape(text: string): Scrape {
  const samples = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(readSample);
  const named = (name: string) => samples.filter((sample) => sample.name === name);
  return {
    text,
    value(name, labels = {}) {
      const found = named(name).filter((sample) =>
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      );
      return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
    },
    labelValues: (name, label) => [...new Set(named(name).map(({ labels }) => labels[label] ?? ''))].sort(),
  };
}

function readSample(line: string): Sample {
  const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', text = '']) => [label, text]);
  return { name, labels: Object.fromEntries(pairs), value: Number(value) };
}
