import type { z } from 'zod';

/**
 * Reads a process's environment once, as its schema says. An empty string counts as not set, so that a line
 * `NAME=` in an .env file means the default.
 *
 * With anything wrong it prints every problem in one message on stderr and exits with 1: nothing has started yet.
 */
export function loadConfig<Schema extends z.ZodType>(
  schema: Schema,
  env: NodeJS.ProcessEnv,
): z.output<Schema> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(set, { reportInput: true });
  if (parsed.success) return parsed.data;
  process.stderr.write(`${describeConfigProblems(parsed.error)}\n`);
  process.exit(1);
}

/** One line a variable. Values are left out: they may be secrets. */
export function describeConfigProblems(error: z.ZodError): string {
  const lines = error.issues.map((issue) => {
    const missing = issue.code === 'invalid_type' && issue.input === undefined;
    return `  ${issue.path.join('.')}: ${missing ? 'is required' : issue.message}`;
  });
  return ['The environment is not complete:', ...lines].join('\n');
}
