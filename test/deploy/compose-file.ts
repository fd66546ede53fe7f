import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const serviceSchema = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), target: z.string() }).optional(),
  command: z.array(z.string()).optional(),
  user: z.string().optional(),
  tmpfs: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() }).optional(),
  stop_grace_period: z.string().optional(),
  restart: z.string(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  container_name: z.never().optional(),
  profiles: z.array(z.string()).default([]),
});

export type ComposeService = z.infer<typeof serviceSchema>;

const path = new URL('../../docker-compose.yml', import.meta.url);

/** docker-compose.yml as it is written: its text, and its services with anchors resolved and variables left as they are. */
export function readComposeFile(): { text: string; services: Map<string, ComposeService> } {
  const text = readFileSync(path, 'utf8');
  const { services } = z
    .object({ services: z.record(z.string(), serviceSchema) })
    .parse(parse(text, { merge: true }));
  return { text, services: new Map(Object.entries(services)) };
}

/** A service that must be there. */
export function serviceOf(services: Map<string, ComposeService>, name: string): ComposeService {
  const service = services.get(name);
  if (!service) throw new Error(`docker-compose.yml has no service ${name}`);
  return service;
}
