import type { Request, Response } from 'express';
import type { Generation, NewGeneration } from '../shared/generation.ts';
import type { Release } from '../shared/release.ts';
import { acceptGeneration } from './accept-generation.ts';
import type { Caller } from './caller.ts';
import type { EventLinks } from './events/event-links.ts';
import { type ApplyWaitPreference, goneSignal } from './prefer.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import { IMAGES_PATH, isActive } from './record.ts';
import { sendRecord } from './send-record.ts';
import type { Submit } from './submitter.ts';
import type { WaitForImage } from './wait-for-image.ts';

/** `made`: what was accepted before, which is answered as it is by now. */
export type AnswerAccepted = (
  req: Request,
  res: Response,
  caller: Caller,
  asked: { item: NewGeneration } | { made: Generation },
) => Promise<void>;

/**
 * Accepts one image and answers its record: 202 with its address, or 200 if it ended within `Prefer: wait`. Nothing that
 * the client does to its connection stops the image.
 */
export function createAnswerAccepted(deps: {
  submit: Submit;
  release: Pick<Release, 'request'>;
  waitForImage: WaitForImage;
  applyWaitPreference: ApplyWaitPreference;
  readQueue: ReadQueue;
  eventLinks: Pick<EventLinks, 'of'>;
}): AnswerAccepted {
  const isThere = (row: Parameters<typeof isActive>[0]) => !isActive(row);
  const accept = async (item: NewGeneration): Promise<Generation> => {
    const accepted = await acceptGeneration(deps.submit, item);
    deps.release.request();
    return accepted;
  };
  return async (req, res, caller, asked) => {
    // The queue as it was before: later, what is released of it may be this very image, which would count twice.
    const queueBefore = deps.readQueue();
    const accepted = 'made' in asked ? asked.made : await accept(asked.item);
    const seconds = deps.applyWaitPreference(req, res, caller);
    const wait = { caller, seconds, isThere, signal: goneSignal(res) };
    const row = (seconds > 0 && (await deps.waitForImage(accepted, wait))) || accepted;
    res.status(seconds > 0 && !isActive(row) ? 200 : 202).location(`${IMAGES_PATH}/${row.id}`);
    const readQueue = row === accepted ? async () => (await queueBefore) ?? deps.readQueue() : deps.readQueue;
    await sendRecord(res, row, readQueue, deps.eventLinks.of(caller));
  };
}
