import sharp from 'sharp';
import type { Fate, FaultProxy } from './fault-proxy.ts';

export type Answered = { text?: string; image?: Buffer; mimeType?: string };

/** The body of an answer by Gemini: one candidate with these parts, and whatever else is to stand in it. */
export function geminiAnswer(parts: Answered[], rest: object = {}): Fate {
  const wire = parts.map(({ text, image, mimeType = 'image/png' }) =>
    image ? { inlineData: { mimeType, data: image.toString('base64') } } : { text },
  );
  const candidate = { content: { role: 'model', parts: wire }, finishReason: 'STOP', index: 0 };
  return { status: 200, body: JSON.stringify({ candidates: [candidate], ...rest }) };
}

/** A picture of one colour. */
export function plainPicture(width: number, height: number, format: 'png' | 'jpeg' | 'webp' = 'png') {
  const create = { width, height, channels: 3, background: '#7a4b2a' } as const;
  return sharp({ create }).toFormat(format).toBuffer();
}

/** A picture that no format makes much smaller: about 3 bytes a pixel as a PNG. */
export function noisePicture(width: number, height: number, format: 'png' | 'jpeg') {
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  return sharp({ create: { width, height, channels: 3, noise, background: '#808080' } })
    .toFormat(format)
    .toBuffer();
}

/** Lets `proxy` answer the calls for this row by itself, one after another; what comes later passes. */
export function answerCallsOf(proxy: FaultProxy, id: string, answers: Fate[]): void {
  const left = [...answers];
  proxy.decide(({ body }) => (body.includes(id) && left.shift()) || 'pass');
}
