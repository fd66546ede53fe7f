type Timed = { id: string; created_at: string };

/** As lists are ordered: by their time, and those of one time by their id. */
export const isOlder = (a: Timed, b: Timed): boolean =>
  a.created_at < b.created_at || (a.created_at === b.created_at && a.id < b.id);
