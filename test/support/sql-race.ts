import type pg from 'pg';
import { type SqlDatabase, untilBlocked } from './sql-database.ts';

export type Contender = (client: pg.PoolClient) => Promise<unknown>;

/**
 * Lets `first` do its work without committing, starts `second`, waits until it stands in front of the row, commits.
 * Answers what `second` was answered. With `secondWaits` false it is one that passes a locked row by.
 */
export async function race(
  db: Pick<SqlDatabase, 'connect' | 'owner'>,
  first: Contender,
  second: Contender,
  { secondWaits = true } = {},
): Promise<unknown> {
  const [one, two] = [await db.connect(), await db.connect()];
  try {
    await one.query('begin');
    await first(one);
    const answered = second(two);
    if (secondWaits) await untilBlocked(db, two);
    else await answered;
    // Together: the second may be refused before the commit's own answer is here.
    const [answer] = await Promise.all([answered, one.query('commit')]);
    return answer;
  } finally {
    one.release();
    two.release();
  }
}
