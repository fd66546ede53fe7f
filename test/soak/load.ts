import { setTimeout as delay } from 'node:timers/promises';
import type { Told } from '../faults/fault-stack.ts';
import type { Random } from '../support/random.ts';
import { authorized, type Caller, type Callers } from './callers.ts';
import { pollImages } from './poll-images.ts';

/** An image that was accepted. */
export type Accepted = { id: string; key: string; caller: Caller };

export type Load = {
  accepted: Accepted[];
  /** What clients were told that cannot be true. */
  lies: string[];
  /** Its owner had it deleted, so nothing of it has to be there. */
  forget(isGone: (image: Accepted) => boolean): void;
  told(): Told[];
  /** Submits no more; resolves when all that were under way have come to an end. */
  stop(): Promise<void>;
};

const PAUSE_MS = 100;
/** More than what the workers do in a few seconds would only be a longer wait at the end. */
const MOST_OPEN = 60;
const GIVE_UP_MS = 40_000;
const RETRY_MS = 250;

/** Half of all images are made without trouble; the others meet one kind of it, each in the end with one outcome. */
const FAULTS = [
  '503*1',
  '503*3',
  '500*1',
  '429-minute:1s*1',
  'hang*1',
  'reset-before-headers*1',
  'reset-mid-body*1',
  'truncated-json*1',
  'slow-body:500',
  'drafts',
  'jpeg',
  'wrong-mime',
  'prompt-blocked',
  'finish:IMAGE_SAFETY',
  'no-candidates',
  'text-only',
  'no-candidates*1',
  'garbage-image*1',
];

/** Clients that submit, repeat what got no answer under the same Idempotency-Key, and poll what was accepted. */
export function startLoad(options: {
  apiUrls: () => string[];
  callers: Callers;
  countOpen: () => Promise<number>;
  random: Random;
}): Load {
  const { apiUrls, callers, random } = options;
  const accepted: Accepted[] = [];
  const lies: string[] = [];
  const stopped = new AbortController();
  let forgotten: ((image: Accepted) => boolean)[] = [];

  const submit = async (nth: number): Promise<void> => {
    const key = `soak-${nth}`;
    const fault = random.chance(0.5) ? '' : `; fault=${random.pick(FAULTS)}`;
    // Some are large enough for a thumbnail beside them.
    const bytes = random.below(3) === 0 ? 60_000 : 1_024;
    const prompt = `A picture [[sim:bytes=${bytes}; latency=${20 + random.below(400)}; key=${key}${fault}]]`;
    const body = {
      prompt,
      deadline_seconds: random.chance(0.1) ? 10 : 600,
      ...(random.chance(0.2) && { dataset_id: random.pick(callers.datasets) }),
    };
    const caller = random.pick(callers.users);
    const giveUpAt = performance.now() + GIVE_UP_MS;
    while (performance.now() < giveUpAt) {
      const answer = await send(random.pick(apiUrls()), key, body, caller);
      if (answer?.status === 202 && answer.id) {
        accepted.push({ id: answer.id, key, caller });
        return;
      }
      if (answer && answer.status < 500 && answer.status !== 409) {
        // Of a user who was deleted meanwhile, so may be the image that a lost answer was about.
        const isUserGone = [401, 410].includes(answer.status) && !callers.users.includes(caller);
        const isDatasetGone = answer.status === 422 && body.dataset_id !== undefined;
        if (!isUserGone && !isDatasetGone) lies.push(`${key} was refused: ${answer.text}`);
        return;
      }
      await delay(RETRY_MS);
    }
  };

  const submitting = (async () => {
    const underWay = new Set<Promise<void>>();
    for (let nth = 0; !stopped.signal.aborted; ) {
      if (underWay.size + (await options.countOpen()) < MOST_OPEN) {
        const one = submit(nth++).finally(() => underWay.delete(one));
        underWay.add(one);
      }
      await delay(random.below(PAUSE_MS));
    }
    await Promise.all(underWay);
  })();
  const polling = pollImages({ accepted, apiUrls, random, lies, stopped: stopped.signal });
  const isForgotten = (image: Accepted) => forgotten.some((isGone) => isGone(image));

  return {
    accepted,
    lies,
    forget(isGone) {
      forgotten = [...forgotten, isGone];
    },
    told: () =>
      accepted
        .filter((image) => !isForgotten(image))
        .map(({ id, key, caller }) => ({ id, key, status: 202, token: caller.token })),
    async stop() {
      stopped.abort();
      await Promise.all([submitting, polling]);
    },
  };
}

/** Null when the connection broke or nobody was there. */
async function send(url: string, key: string, body: object, caller: Caller) {
  try {
    const answer = await fetch(`${url}/ai/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key, ...authorized(caller) },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await answer.text();
    return { status: answer.status, id: (JSON.parse(text) as { id?: string }).id, text };
  } catch {
    // The client knows nothing; it sends it again.
    return null;
  }
}
