import { v7 as uuidv7 } from 'uuid';
import type { NewBatch } from '../shared/batch-store.ts';
import type { Caller } from './caller.ts';
import type { KeyFields } from './idempotency.ts';

type Fields = Pick<NewBatch, 'name' | 'metadata'> &
  Partial<Pick<NewBatch, 'user_id' | 'lane_key' | 'parent_id' | 'webhook_url'>>;

/** An empty batch of the caller's. */
export function newBatch(caller: Caller, fields: Fields & KeyFields): NewBatch {
  return { id: uuidv7(), user_id: caller.userId, lane_key: caller.laneKey, parent_id: null, ...fields };
}
