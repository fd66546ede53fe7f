/** US dollars as images cost: tenths of a cent are worth saying. */
export function formatUsd(usd: number): string {
  return new Intl.NumberFormat('en', {
    style: 'currency',
    currency: 'USD',
    minimumFractionDigits: 2,
    maximumFractionDigits: usd < 1 ? 4 : 2,
  }).format(usd);
}

export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}

export const formatMs = (ms: number): string =>
  ms < 1_000
    ? `${Math.round(ms)} ms`
    : ms < 60_000
      ? `${(ms / 1_000).toFixed(1)} s`
      : formatSeconds(ms / 1_000);

/** All is only said of all: 99.9 % is the most of anything less. */
export const formatShare = (share: number): string =>
  share === 1 ? '100 %' : `${(Math.floor(share * 1_000) / 10).toFixed(1)} %`;

export function formatBytes(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export const formatCount = (count: number): string => new Intl.NumberFormat('en').format(count);

/** In the reader's own time zone. */
export const formatTime = (time: string): string =>
  new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** The same to the second, for what may take no longer. */
export const formatMoment = (time: string): string =>
  new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** The beginning of a prompt, for a sentence or a title. */
export function shorten(text: string, most = 60): string {
  const letters = [...text.trim().replace(/\s+/g, ' ')];
  return letters.length <= most ? letters.join('') : `${letters.slice(0, most - 1).join('')}…`;
}

/** As much of an id as differs from others of the same minute. */
export const shortId = (id: string): string => id.slice(0, 13);
