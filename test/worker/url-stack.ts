import { randomUUID } from 'node:crypto';
import type { ReferenceImage } from '../../src/shared/generation.ts';
import { isPublicAddress } from '../../src/shared/public-address.ts';
import { createFetchUrl } from '../../src/worker/fetch-url.ts';
import { createRequestPublic } from '../../src/worker/public-request.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { createLogLines } from '../support/log-lines.ts';
import { type PictureServer, startPictureServer } from '../support/picture-server.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

export const HOST = 'pictures.test';
/** As of a signed address: whoever has it may read the picture. */
export const SECRET = 'X-Amz-Signature=c0ffee';

export type UrlStack = {
  stack: TestStack;
  generations: Generations;
  /** In front of the simulator. */
  gemini: FaultProxy;
  pictures: PictureServer;
  /** A signed address at HOST. */
  urlOf(path: string): string;
  /** Stores an object in `reference-images`. */
  upload(bytes: Buffer): Promise<Extract<ReferenceImage, { path: string }>>;
  /** All that the worker has logged. */
  logged(): string;
  stop(): Promise<void>;
};

/** A stack with a worker to which HOST, a server of this process, passes for one of the internet. */
export async function startUrlStack(): Promise<UrlStack> {
  const stack = await startTestStack();
  const generations = createGenerations(stack);
  const gemini = await startFaultProxy(stack.gemini.url);
  const pictures = await startPictureServer([HOST]);
  const { log, text } = createLogLines();
  const request = createRequestPublic({
    resolve: async (host) => (host === HOST ? ['127.0.0.1'] : []),
    isPublic: (address) => address === '127.0.0.1' || isPublicAddress(address),
    ca: pictures.ca,
  });
  const fetchUrl = createFetchUrl({ request, pauseMs: 1 });
  await stack.startWorker({ GEMINI_BASE_URL: gemini.url }, log, undefined, fetchUrl);
  return {
    stack,
    generations,
    gemini,
    pictures,
    urlOf: (path) => pictures.url(HOST, `${path}?${SECRET}`),
    async upload(bytes) {
      const path = `${randomUUID()}/reference.png`;
      const { error } = await stack.supabase.storage
        .from('reference-images')
        .upload(path, bytes, { contentType: 'image/png' });
      if (error) throw error;
      return { bucket: 'reference-images', path };
    },
    logged: text,
    async stop() {
      await generations.stop();
      await stack.stop();
      await gemini.close();
      await pictures.close();
    },
  };
}
