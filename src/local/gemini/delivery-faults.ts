import { candidateAnswer } from './answer.ts';
import type { Fault, FaultContext } from './fault.ts';
import { misuse } from './refusal.ts';

const DEFAULT_SLOW_MS = 2000;

/** Faults of the connection: the answer is a good one, and it does not arrive as it should. */
export const DELIVERY_FAULTS: Record<string, Fault> = {
  hang: withoutBody('hang'),
  'hang-body': withoutBody('hang-body'),
  'reset-before-headers': withoutBody('reset-before-headers'),
  'reset-mid-body': cutOff('reset-mid-body'),
  'truncated-json': cutOff('truncated-json'),
  'short-body': cutOff('short-body'),
  'slow-body': async (context) => {
    const ms = Number(context.params[0] ?? DEFAULT_SLOW_MS);
    if (!(ms >= 0)) throw misuse(`slow-body takes milliseconds, not '${context.params[0]}'`);
    return { ...(await goodAnswer(context)), delivery: { how: 'slow-body', ms } };
  },
};

/** The answer of a model that did what it was asked to. */
export async function goodAnswer({ order, picture }: FaultContext) {
  return candidateAnswer(order, [{ picture: await picture() }]);
}

/** No picture is drawn for an answer of which nothing will be sent. */
function withoutBody(how: 'hang' | 'hang-body' | 'reset-before-headers'): Fault {
  return ({ order }) => ({ ...candidateAnswer(order, []), billed: 'maybe', delivery: { how } });
}

function cutOff(how: 'reset-mid-body' | 'truncated-json' | 'short-body'): Fault {
  return async (context) => ({ ...(await goodAnswer(context)), billed: 'maybe', delivery: { how } });
}
