import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Ended, type RunOptions, runDarkroom, startDarkroom } from './darkroom.ts';

export type CliStack = {
  stack: TestStack;
  url: string;
  user: { id: string; token: string };
  client: DarkroomClient;
  /** Where commands run. */
  folder: string;
  /** Of a command of the user. */
  env: Record<string, string>;
  darkroom(...args: string[]): Promise<Ended>;
  start(args: string[], options?: RunOptions): ReturnType<typeof startDarkroom>;
  write(name: string, text: string): void;
  countBatches(): Promise<number>;
  stop(): Promise<void>;
};

/** A prompt that nobody else has submitted, of an image of so many bytes. */
export const smallPrompt = (what: string, bytes = 1024) => `${what} ${randomUUID()} [[sim:bytes=${bytes}]]`;

/** A Darkroom with an API, and a folder in which one of its users works by the command line. */
export async function startCliStack(): Promise<CliStack> {
  const stack = await startTestStack();
  const { url } = await stack.startApi();
  const user = await stack.createUser();
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-cli-'));
  const env = { DARKROOM_URL: url, DARKROOM_TOKEN: user.token };
  return {
    ...{ stack, url, user, folder, env },
    client: createDarkroomClient({ baseUrl: url, token: user.token }),
    darkroom: (...args) => runDarkroom(args, { env, cwd: folder }),
    start: (args, options = {}) => startDarkroom(args, { env, cwd: folder, ...options }),
    write: (name, text) => writeFileSync(join(folder, name), text),
    async countBatches() {
      const count = 'select count(*)::int as n from public.batches where sealed_at is not null';
      return Number((await stack.sql(count))[0]?.n);
    },
    async stop() {
      await stack.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
