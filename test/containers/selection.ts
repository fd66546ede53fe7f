import { type Selection, selectTests } from '../support/select-tests.ts';

/** What asks of Supabase what Darkroom needs of it, and what needs it. */
const PARTS = ['test/contract', 'test/api', 'test/worker', 'test/client', 'test/end-to-end.test.ts'];

/** Tests of the embedded gateway itself, or of harm that only it can be told to do. */
const EMBEDDED_ONLY: Record<string, string> = {
  'test/contract/gateway-faults.test.ts': 'does harm to the embedded gateway from inside',
  'test/api/environment.test.ts': 'uses no Supabase',
  'test/api/openapi.test.ts': 'uses no Supabase',
};

/** The tests of `parts` that any Supabase can pass; `leftOut` are the others, each with why. */
export function selectForSupabase(parts = PARTS): { selection: Selection; leftOut: Map<string, string> } {
  const all = selectTests(parts);
  const leftOut = new Map<string, string>();
  const files = all.files.filter((file) => {
    const name = Object.keys(EMBEDDED_ONLY).find((path) => file.endsWith(`/${path}`));
    if (name) leftOut.set(name, EMBEDDED_ONLY[name] ?? '');
    return !name;
  });
  return { selection: { ...all, files }, leftOut };
}
