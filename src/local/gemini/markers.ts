import { misuse } from './refusal.ts';
import { type CallSettings, readSettings } from './settings.ts';

const MARKER = /\[\[sim:([^\]]*)\]\]/g;
const KEY = /\[\[sim:[^\]]*?\bkey=([^;\]]*)/;

const READERS: Record<string, (value: string) => Record<string, unknown>> = {
  latency: (value) => ({ latency_ms: Number(value) }),
  jitter: (value) => ({ latency_jitter: Number(value) }),
  bytes: (value) => ({ bytes: Number(value) }),
  pixels: (value) => ({ pixels: value }),
  mime: (value) => ({ mime: value }),
  fault: (value) => ({ fault: value }),
  key: () => ({}),
};

/** The name under which a prompt's calls are counted: that of its `[[sim:key=…]]`, or else the prompt as received. */
export function keyOf(prompt: string): string {
  return KEY.exec(prompt)?.[1]?.trim() ?? prompt;
}

/**
 * Takes the markers out of a prompt: `[[sim:name=value]]`, or several in one, `[[sim:name=value; name=value]]`.
 * Names are latency (ms), jitter, bytes, pixels, mime, fault and key. A later marker goes before an earlier one.
 * @throws Refusal 400 that names what is not understood: a typing mistake must not pass for a success.
 */
export function readMarkers(prompt: string): { text: string; settings: CallSettings } {
  if (!prompt.includes('[[sim:')) return { text: prompt, settings: {} };
  const found = [...prompt.matchAll(MARKER)].flatMap(([, inside = '']) => inside.split(';'));
  const settings = Object.assign({}, ...found.map(readPair));
  return { text: prompt.replace(MARKER, '').trim(), settings: readSettings(settings) };
}

function readPair(pair: string): Record<string, unknown> {
  const [, name = '', value = ''] = /^\s*(\w+)=(.*?)\s*$/.exec(pair) ?? [];
  const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  if (!read) throw misuse(`unknown marker '${pair.trim()}'; known are ${Object.keys(READERS).join(', ')}`);
  return read(value);
}
