/** What has changed: an image, or with `batch` a batch. Who does not know whose it is leaves that out. */
export type Changed = { id: string; user_id?: string | null; lane_key?: string | null };
export type ChangedKind = 'image' | 'batch';

/** What an API process hears of a change. Without a position it was in no stream: nobody knew whose it is. */
export type Announced = {
  kind: ChangedKind;
  id: string;
  /** Where it stands in its audience's stream: Redis' id of the entry, which is a time in milliseconds and a number. */
  position: string | null;
  audience: string | null;
};

/** So many entries of a stream are kept, more or less, for so long: rows tell what is older, and what Redis has lost. */
export const STREAM_LENGTH = 200;
export const STREAM_KEPT_MS = 3_600_000;

/** Whose stream a change goes to: its user's, or of what has no user that lane's. Null: nobody's. As in list_changes. */
export function audienceOf({ user_id, lane_key }: Omit<Changed, 'id'>): string | null {
  return user_id ? `user:${user_id}` : (lane_key ?? null);
}

export const changeStreamKey = (prefix: string, audience: string) => `${prefix}:changes:${audience}`;

/**
 * Adds to the audience's stream and tells all API processes in one step, so that all of them hear of changes in the order
 * of the stream. KEYS: the stream. ARGV: length, milliseconds, channel, what changed, audience.
 */
export const ANNOUNCE_SCRIPT = `
local position = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'changed', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4] .. ' ' .. position .. ' ' .. ARGV[5])
return position`;

/** As entries and messages name it. */
export const nameOf = (kind: ChangedKind, id: string) => `${kind}:${id}`;

/** A message of the change channel. A worker of the version before this says an image's id and nothing else. */
export function readAnnounced(message: string): Announced {
  const [name = '', position = null, ...audience] = message.split(' ');
  return {
    kind: name.startsWith('batch:') ? 'batch' : 'image',
    id: name.slice(name.indexOf(':') + 1),
    position,
    audience: audience.length > 0 ? audience.join(' ') : null,
  };
}
