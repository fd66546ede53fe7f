import { asksTo, type Fate, type FaultProxy, type ProxiedRequest } from '../support/fault-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

export type HeldRequests = {
  /** Resolves when requests of so many of the rows are held. */
  arrived(ids: number): Promise<void>;
  /** Lets go what is held, and whatever comes from now on. */
  letGo(): void;
};

type OfRows = { ids: string[]; of: 'upload' | 'complete_generation' };

/** Holds, from now on, the uploads or the completions of these rows on their way to Supabase. */
export function holdRequests(supabase: FaultProxy, { ids, of }: OfRows): HeldRequests {
  const goOn = Promise.withResolvers<void>();
  const held = new Set<string>();
  supabase.decide(async (request): Promise<Fate> => {
    const found = ids.filter((one) => (of === 'upload' ? isUploadOf(one) : isCompletionOf(one))(request));
    for (const id of found) held.add(id);
    if (found.length > 0) await goOn.promise;
    return 'pass';
  });
  return {
    async arrived(count) {
      await waitFor(`${count} of ${of} to be held`, () => held.size === count);
    },
    letGo: goOn.resolve,
  };
}

export const isUploadOf =
  (id: string) =>
  ({ method, path }: ProxiedRequest) =>
    method === 'POST' && path.includes('/storage/v1/object/generated-images/') && path.includes(`/${id}/`);

export const isCompletionOf = (id: string) => (request: ProxiedRequest) =>
  asksTo('complete')(request) && request.body.includes(id);
