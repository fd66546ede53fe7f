import type { NewBatchImage } from '../shared/batch-store.ts';
import type { Models } from '../shared/models.ts';
import type { Store } from '../shared/store.ts';
import { ApiError, type FieldError } from './api-error.ts';
import { customId } from './batch-schemas.ts';
import type { Caller } from './caller.ts';
import { createPlanGeneration } from './plan-generation.ts';
import { pointerOf, readBody } from './validation.ts';
import type { CheckWebhookUrl } from './webhook-url.ts';

/** Told at most, of a batch with many mistakes. */
const MOST_ERRORS = 200;

export type ItemPlanner = {
  /** The row that an item asks for; null when it has errors, which are kept. */
  plan(item: unknown, pointer: (path: PropertyKey[]) => string): Promise<NewBatchImage | null>;
  errors: FieldError[];
};

/**
 * Plans the items of one batch. A dataset is looked at once for all that name it, the secrets of webhooks once for all that
 * have any, and the mistakes of all items are collected; `defaults` are fields of those that do not have them.
 */
export function createItemPlanner(
  deps: { store: Pick<Store, 'getDatasetContext'>; models: Models; checkWebhookUrl: CheckWebhookUrl },
  caller: Caller,
  defaults: Record<string, unknown> = {},
): ItemPlanner {
  let webhookErrors: ReturnType<CheckWebhookUrl> | null = null;
  const datasets = new Map<string, ReturnType<Store['getDatasetContext']>>();
  const planOne = createPlanGeneration({
    models: deps.models,
    async checkWebhookUrl(url, userId) {
      if (url === null) return [];
      webhookErrors ??= deps.checkWebhookUrl(url, userId);
      return webhookErrors;
    },
    store: {
      getDatasetContext(id, scope, options) {
        const found = datasets.get(id) ?? deps.store.getDatasetContext(id, scope, options);
        datasets.set(id, found);
        return found;
      },
    },
  });
  const customIds = new Set<string>();
  const errors: FieldError[] = [];
  const add = (more: FieldError[]) => errors.push(...more.slice(0, MOST_ERRORS - errors.length));

  return {
    errors,
    async plan(item, pointer) {
      if (typeof item !== 'object' || item === null || Array.isArray(item)) {
        add([{ pointer: pointer([]), code: 'invalid_type', detail: 'is no object' }]);
        return null;
      }
      const own = item as Record<string, unknown>;
      const { custom_id: givenId, ...fields } = { ...defaults, ...own };
      const at = (one: FieldError): FieldError => {
        const field = one.pointer.split('/')[1] ?? '';
        const isDefault = !Object.hasOwn(own, field) && Object.hasOwn(defaults, field);
        return { ...one, pointer: (isDefault ? '/defaults' : pointer([])) + one.pointer };
      };
      const found: FieldError[] = [];
      const { data: id, errors: idErrors } = readBody(customId, givenId);
      found.push(...idErrors.map((one) => ({ ...one, pointer: pointer(['custom_id']) })));
      if (typeof id === 'string' && customIds.has(id)) {
        found.push({
          pointer: pointer(['custom_id']),
          code: 'duplicate',
          detail: 'is another item\u2019s, too',
        });
      }
      if (typeof id === 'string') customIds.add(id);
      if (Object.hasOwn(fields, 'dry_run')) {
        found.push({
          pointer: pointer(['dry_run']),
          code: 'unknown_field',
          detail: 'There is no such field.',
        });
        delete fields.dry_run;
      }
      try {
        const { dry_run: _of, ...planned } = await planOne(fields, caller);
        if (found.length === 0) return { ...planned, custom_id: id ?? null };
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'validation_failed') throw error;
        found.push(...error.errors.map(at));
      }
      add(
        found.filter(
          (one) => !errors.some((known) => known.pointer === one.pointer && known.code === one.code),
        ),
      );
      return null;
    },
  };
}

/** Where an item of a JSON batch stands. */
export const pointerOfItem = (index: number) => (path: PropertyKey[]) => pointerOf(['items', index, ...path]);
/** Where a line of NDJSON stands: `line 17`, and the field behind it. */
export const pointerOfLine = (number: number) => (path: PropertyKey[]) => `line ${number}${pointerOf(path)}`;
