import { z } from 'zod';

/** What streams of events are told from the environment. */
export const eventsConfig = {
  /** Signs the tokens of `links.events`; derived from the service key without it. */
  EVENTS_TOKEN_KEY: z
    .string()
    .regex(/^\S{32,}$/, 'has spaces, or fewer than 32 characters')
    .optional(),
  EVENTS_HEARTBEAT_MS: z.coerce.number().int().positive().default(15_000),
  EVENTS_LOOK_EVERY_MS: z.coerce.number().int().positive().default(2_000),
  EVENTS_STALL_MS: z.coerce.number().int().positive().default(30_000),
  EVENTS_LONGEST_MS: z.coerce.number().int().positive().default(3_600_000),
};
