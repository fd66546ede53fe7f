import type { PopularPrompts } from '../api/usage-prompts-schema.ts';
import type { UsageRecord } from '../api/usage-schemas.ts';
import type { CallOptions, Send } from './http.ts';

export type { UsageRecord };
export type PopularPrompt = PopularPrompts['items'][number];

/** Undefined does not filter, or leaves the choice to the API. */
export type UsageQuestion = {
  /** UTC days, like 2026-11-27; both count with. */
  from?: string;
  to?: string;
  /** Up to three of day, dataset, style, aspect_ratio, quality, model, status and, for admins, user. */
  group_by?: string[];
  dataset_id?: string;
  style?: string;
  aspect_ratio?: string;
  quality?: string;
  model?: string;
  /** For admins. */
  user_id?: string;
};

/** What was made, how it ended and what it has cost. */
export function createUsage(send: Send) {
  return {
    usage: async (question: UsageQuestion = {}, options: CallOptions = {}): Promise<UsageRecord> =>
      (await send('GET', toPath(question), options)).body as UsageRecord,

    /** The same as CSV: a line for each group, below one with the names. */
    async usageCsv(question: UsageQuestion = {}, options: CallOptions = {}): Promise<string> {
      const headers = { accept: 'text/csv' };
      const { body } = await send('GET', toPath(question), { ...options, headers, asStream: true });
      return new Response(body as ReadableStream).text();
    },

    /** The prompts that are used most; `user_id` is for admins, who else see everybody's. */
    async usagePrompts(
      question: { limit?: number; user_id?: string } = {},
      options: CallOptions = {},
    ): Promise<PopularPrompt[]> {
      const { body } = await send('GET', `/ai/usage/prompts?${toQuery(question)}`, options);
      return (body as PopularPrompts).items;
    },
  };
}

const toPath = (question: UsageQuestion) => `/ai/usage?${toQuery(question)}`;

function toQuery(question: Record<string, string | number | string[] | undefined>): URLSearchParams {
  const given = Object.entries(question).filter(([, value]) => value !== undefined);
  return new URLSearchParams(Object.fromEntries(given.map(([name, value]) => [name, String(value)])));
}
