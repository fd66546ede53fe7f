import { join } from 'node:path';
import type { DemoRecord } from './demo-generation.ts';
import type { Stack } from './stack.ts';

/** Where a person who has just seen the demo work can look further. `token`: an access token of the demo's user. */
export function describeWhereToLook(demo: {
  stack: Stack;
  record: DemoRecord;
  dataDir: string;
  token: string;
}): string {
  const { stack, record, dataDir, token } = demo;
  return `
The image:  ${record.image_url}
Supabase:   ${stack.supabaseUrl} (embedded)
Data:       ${dataDir}
Logs:       ${join(stack.logFolder, '*.log')}

Serving. Ctrl-C stops everything.

The page:   ${stack.apiUrl}/   (sign in with the TOKEN below)
The API:    ${stack.apiUrl}/docs/   (to browse and try)

For the examples of the README, in another shell:
export API=${stack.apiUrl}
export TOKEN=${token}
export ADMIN_TOKEN=${stack.adminToken}`;
}

/** Said on top of everything while no real model draws. */
export const SIMULATOR_WARNING = `
  ****************************************************************************
  *  NO GEMINI_API_KEY IS SET: A SIMULATOR DRAWS THE PICTURES, NOT GEMINI.   *
  *  Set GEMINI_API_KEY and start again for real ones (they cost money).     *
  ****************************************************************************
`;
