import { startChild } from './child.ts';

export type Load = {
  url: string;
  connections: number;
  seconds: number;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  /** Any other status of an answer is a failed benchmark. */
  expect: number;
};
export type LoadResult = { requestsPerSecond: number; p50Ms: number; p99Ms: number };

/** Sends load from a process of its own. @throws when an answer was another than expected */
export async function sendLoad(load: Load): Promise<LoadResult> {
  const child = startChild('bench/load-main.ts', { LOAD: JSON.stringify(load) });
  return child.read((line) => (line.startsWith('{') ? (JSON.parse(line) as LoadResult) : undefined));
}
