import { randomUUID } from 'node:crypto';
import type { TestStack } from '../support/test-stack.ts';
import { type ApiClient, createApiClient, IMAGES, type Json } from './api-client.ts';
import { EVENTS, type EventReader, readEvents } from './event-reader.ts';

/** A user who makes images and listens. */
export type EventUser = {
  id: string;
  token: string;
  api: ApiClient;
  listen(query?: string, lastEventId?: string): Promise<EventReader>;
  /** An image that a worker takes and holds until it is canceled. */
  held(): Promise<Json>;
  quick(): Promise<Json>;
  cancel(id: string): Promise<unknown>;
  /** A batch of these prompts. */
  batch(prompts: string[]): Promise<Json>;
};

export const holdPrompt = () => `A harbour [[sim:key=${randomUUID()}; fault=hold:ok]]`;
export const QUICK_PROMPT = 'A harbour [[sim:bytes=1024]]';

export async function createEventUser(stack: TestStack, url: string): Promise<EventUser> {
  const { id, token } = await stack.createUser();
  const api = createApiClient(url, token);
  return {
    id,
    token,
    api,
    listen: (query = '', lastEventId) =>
      readEvents(url, EVENTS + query, {
        authorization: `Bearer ${token}`,
        ...(lastEventId && { 'last-event-id': lastEventId }),
      }),
    held: () => api.submit({ prompt: holdPrompt() }),
    quick: () => api.submit({ prompt: QUICK_PROMPT }),
    cancel: (imageId) => api.send('POST', `${IMAGES}/${imageId}/cancel`),
    async batch(prompts) {
      const body = JSON.stringify({ items: prompts.map((prompt) => ({ prompt })) });
      const headers = { 'content-type': 'application/json' };
      return (await api.send('POST', '/ai/batches', { body, headers })).body;
    },
  };
}

/** A change that nobody announces. */
export const changeUnseen = (stack: TestStack, id: string) =>
  stack.sql('update public.generated_images set cancel_requested_at = now() where id = $1', [id]);

/** What a stream has told of an image, in order. */
export const updatesOf = (reader: EventReader, id: string): Json[] =>
  reader.events
    .filter(({ event, data }) => event === 'image.updated' && data.image.id === id)
    .map(({ data }) => data.image);
