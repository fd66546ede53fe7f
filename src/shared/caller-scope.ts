/** Whose rows a call may touch: a user's own, those of no user (null), or with `admin` all. */
export type CallerScope = { userId: string | null; admin?: boolean };

/** Where a page of a list ended. The time is PostgreSQL's text with microseconds. */
export type Position = { createdAt: string; id: string };

/** SQLSTATE of what would exceed a limit: live API keys of a user, images of a dataset. Nothing was written. */
export const LIMIT_REACHED = 'DRMAX';

/** The scope as the SQL functions take it. */
export const scopeArgs = ({ userId, admin = false }: CallerScope) => ({ p_user_id: userId, p_admin: admin });
