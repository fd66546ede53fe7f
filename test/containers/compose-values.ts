/**
 * A value of docker-compose.yml as Compose would read it: `${NAME}`, `${NAME:-default}` and `${NAME:?message}`.
 *
 * @throws for a variable that must be set and is not
 */
export function fillIn(text: string, values: Record<string, string>): string {
  return text.replace(
    /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
    (_whole, name: string, how: string | undefined, rest: string | undefined) => {
      const value = values[name];
      if (value) return value;
      if (how === '-') return rest ?? '';
      throw new Error(`${name} is not set`);
    },
  );
}
