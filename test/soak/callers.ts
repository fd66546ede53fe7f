import { randomUUID } from 'node:crypto';
import type { FaultStack } from '../faults/fault-stack.ts';

export type Caller = { id: string | null; token: string };

/** Who asks for images, and the datasets they use; the adversary deletes both, and others come. */
export type Callers = {
  users: Caller[];
  /** Everybody may use them. */
  datasets: string[];
  addUser(): Promise<void>;
  addDataset(): Promise<void>;
};

const ANONYMOUS: Caller = { id: null, token: '' };

export async function createCallers({ base }: FaultStack): Promise<Callers> {
  const users: Caller[] = [ANONYMOUS];
  const datasets: string[] = [];
  const callers = {
    users,
    datasets,
    async addUser() {
      users.push(await base.createUser());
    },
    async addDataset() {
      const id = randomUUID();
      await base.sql(
        `insert into public.datasets (id, brand) values ($1, 'Coffee Co.') on conflict do nothing`,
        [id],
      );
      datasets.push(id);
    },
  };
  await Promise.all(Array.from({ length: 20 }, callers.addUser));
  await Promise.all(Array.from({ length: 4 }, callers.addDataset));
  return callers;
}

/** The header that tells who asks; an anonymous caller sends none. */
export function authorized({ token }: Caller): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}
