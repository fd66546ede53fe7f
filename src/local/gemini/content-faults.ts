import { type Answer, candidateAnswer, identityOf, jsonAnswer } from './answer.ts';
import type { Fault } from './fault.ts';
import type { ImageOrder } from './image-order.ts';
import { MIN_PADDED_BYTES, paddedPng } from './padded-png.ts';
import { pictureOf } from './pictures.ts';
import { misuse } from './refusal.ts';
import { usageOf, usageOfBlockedPrompt } from './usage.ts';

/** The forms in which live answers leave out a candidate's content. */
const NO_CONTENT: Record<string, object> = {
  empty: { content: {} },
  absent: {},
  null: { content: null },
  list: { content: [] },
  'no-parts': { content: { parts: [], role: 'model' } },
};

/** Faults inside a 200 answer: blocked, empty, or with other parts than the one expected image. */
export const CONTENT_FAULTS: Record<string, Fault> = {
  'prompt-blocked': ({ order, params: [reason = 'PROHIBITED_CONTENT'] }) =>
    jsonAnswer(200, {
      promptFeedback: { blockReason: named(reason) },
      usageMetadata: usageOfBlockedPrompt(order),
      ...identityOf(order),
    }),
  finish: ({ order, params: [reason = '', content = 'empty'] }) =>
    finishedWithout(order, named(reason), content),
  'no-candidates': ({ order, params: [form = 'absent'] }) =>
    jsonAnswer(
      200,
      {
        ...chosen({ absent: {}, empty: { candidates: [] } }, form),
        usageMetadata: usageOf(order, 0),
        ...identityOf(order),
      },
      true,
    ),
  'text-only': ({ order }) =>
    candidateAnswer(order, [{ text: 'I can describe that picture, but I cannot draw it.' }]),
  drafts: async ({ order, picture }) => {
    const idea = paddedPng(MIN_PADDED_BYTES, { width: 16, height: 16 });
    const [draft, real] = [pictureOf('image/png', idea), await picture()];
    return candidateAnswer(order, [
      { text: 'Here is a first idea.' },
      { picture: draft, thought: true },
      { picture: draft },
      { text: 'And here is the picture.' },
      { picture: real },
      { text: 'I hope you like it.' },
      // Documented as interim wherever it stands, so the last image of all is not always the real one.
      { picture: draft, thought: true },
    ]);
  },
  'image-with-finish': async ({ order, params: [reason = 'OTHER'], picture }) =>
    candidateAnswer(order, [{ picture: await picture() }], explained(named(reason))),
  jpeg: async ({ order, picture }) => candidateAnswer(order, [{ picture: await picture('image/jpeg') }]),
  webp: async ({ order, picture }) => candidateAnswer(order, [{ picture: await picture('image/webp') }]),
  'wrong-mime': async ({ order, picture }) => {
    const jpeg = await picture('image/jpeg');
    return candidateAnswer(order, [{ picture: { ...jpeg, mimeType: 'image/png' } }]);
  },
  'garbage-image': ({ order }) =>
    candidateAnswer(order, [{ picture: pictureOf('image/png', Buffer.from('this is no image at all')) }]),
};

function finishedWithout(order: ImageOrder, finishReason: string, content: string): Answer {
  const candidate = { ...chosen(NO_CONTENT, content), ...explained(finishReason), index: 0 };
  return jsonAnswer(
    200,
    { candidates: [candidate], usageMetadata: usageOf(order, 0), ...identityOf(order) },
    true,
  );
}

function explained(finishReason: string) {
  return { finishReason, finishMessage: `Unable to show the generated image (${finishReason}).` };
}

/** Any name in Google's style will do: reasons that do not exist yet must be testable too. */
function named(reason: string): string {
  if (!/^[A-Z][A-Z_]*$/.test(reason)) throw misuse(`a reason is like IMAGE_SAFETY, not '${reason}'`);
  return reason;
}

function chosen(forms: Record<string, object>, name: string): object {
  const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
  if (!form) throw misuse(`'${name}' is not one of ${Object.keys(forms).join(', ')}`);
  return form;
}
