import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, jsonAnswer } from './answer.ts';
import type { CallLog, CallRecord } from './call-log.ts';
import { deliver } from './deliver.ts';
import { stepFor } from './fault-sequence.ts';
import type { HeldCalls } from './held-calls.ts';
import { promptOf, readOrder } from './image-order.ts';
import { keyOf, readMarkers } from './markers.ts';
import { pause } from './pause.ts';
import { createPaddedPictures, drawnPicture } from './pictures.ts';
import { assertRead, readBody } from './read-body.ts';
import { errorBody, invalidKey, Refusal } from './refusal.ts';
import { seededRandom } from './seeded-random.ts';
import { type CallSettings, type ReadDefaults, settingsFor } from './settings.ts';

export type CallDeps = {
  log: CallLog;
  held: HeldCalls;
  defaults: () => ReadDefaults;
  apiKey: string | undefined;
};

type ReadCall = {
  version: string;
  key: string | undefined;
  body: unknown;
  prompt: string;
  gone: AbortSignal;
};

/** Makes the answerer of `POST /{version}/models/{model}:generateContent`. */
export function createCallAnswerer({ log, held, defaults, apiKey }: CallDeps) {
  const paddedPicture = createPaddedPictures();

  /** Reads the request, counts the call, and answers it as its markers and the defaults say. */
  return async function answerCall(
    req: IncomingMessage,
    res: ServerResponse,
    version: string,
    model: string,
  ) {
    const body = await readBody(req);
    const prompt = promptOf(body);
    const call = log.start(keyOf(prompt), model);
    const left = new AbortController();
    const gone = left.signal;
    let billed: Answer['billed'] = 'maybe';
    res.once('close', () => {
      // Nobody waits for the end of a finished answer, and an abort makes a costly DOMException.
      if (res.writableFinished) return;
      call.end('aborted', res.headersSent ? res.statusCode : null, billed && 'maybe');
      left.abort();
    });
    const key = req.headers['x-goog-api-key']?.toString();
    const answer = await makeAnswer(call.record, { version, key, body, prompt, gone }).catch(answerOfError);
    if (gone.aborted) return;
    billed = answer.billed;
    await deliver(res, answer, gone, (status) => call.end('answered', status, billed));
  };

  /** There must be no `await` before a call is held: who has seen it start may release it at once. */
  async function makeAnswer(
    record: CallRecord,
    { version, key, body, prompt, gone }: ReadCall,
  ): Promise<Answer> {
    if (apiKey !== undefined && key !== apiKey) throw invalidKey();
    assertRead(body);
    const { text, settings: markers } = readMarkers(prompt);
    const settings = settingsFor(defaults(), record.model, markers);
    const order = { ...readOrder(record.model, version, text, body), ...settings.pixels };
    const step = stepFor(settings.fault ?? [], record.nth);
    record.fault = step.name;
    if (step.held) await held.hold(record.key, gone);
    await pause(latencyOf(settings, `${defaults().seed} ${record.key} ${record.nth}`), gone);
    gone.throwIfAborted();
    const { bytes, mime = 'image/png' } = settings;
    return step.fault({
      order,
      params: step.params,
      picture: async (asked) =>
        bytes === undefined || asked ? drawnPicture(order, asked ?? mime) : paddedPicture(bytes, order),
    });
  }
}

/** Follows from the seed and the call, so that a run can be repeated whatever the order of its calls. */
function latencyOf({ latency_ms = 0, latency_jitter = 0 }: CallSettings, seed: string): number {
  return latency_jitter ? latency_ms * (1 + latency_jitter * (2 * seededRandom(seed)() - 1)) : latency_ms;
}

function answerOfError(error: unknown): Answer {
  if (error instanceof Refusal) return jsonAnswer(error.body.error.code, error.body);
  return jsonAnswer(500, errorBody(500, 'INTERNAL', `Gemini simulator: ${error}`));
}
