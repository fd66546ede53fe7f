import type { Operation } from './operation.ts';

/** Bearer tokens are told apart by how they look. */
export const SECURITY_SCHEMES = {
  userToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'The access token of a Supabase user: their own images.',
  },
  apiKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'dk_…',
    description: 'A key of `POST /ai/api-keys`, for scripts: acts as its user.',
  },
  serviceKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'service role key',
    description: 'The service key of the project, or `ADMIN_TOKEN`: an admin, who sees everything.',
  },
  metricsToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'METRICS_TOKEN',
    description: 'For `/metrics` only, where the deployment asks for one.',
  },
  eventsToken: {
    type: 'apiKey',
    in: 'query',
    name: 'token',
    description: 'As `links.events` of an image or batch has it: the events of that one, for ten minutes.',
  },
  adminPassword: {
    type: 'http',
    scheme: 'basic',
    description: 'For browsers: the service key or `ADMIN_TOKEN` as the password, with any name.',
  },
} as const;

type Requirement = Partial<Record<keyof typeof SECURITY_SCHEMES, string[]>>;

/** `{}` is nobody in particular: a deployment may refuse that with 401 where it costs money. */
export const SECURITY_OF: Record<Operation['access'], Requirement[]> = {
  'nobody asked': [],
  'metrics readers': [{}, { metricsToken: [] }],
  'anonymous or any': [{}, { userToken: [] }, { apiKey: [] }, { serviceKey: [] }],
  'anonymous or any, or by link': [
    {},
    { userToken: [] },
    { apiKey: [] },
    { serviceKey: [] },
    { eventsToken: [] },
  ],
  'users and admins': [{ userToken: [] }, { serviceKey: [] }],
  admins: [{ serviceKey: [] }],
  'admins, in a browser': [{ adminPassword: [] }, { serviceKey: [] }],
};
