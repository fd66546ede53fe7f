import { join } from 'node:path';
import { DEMO_REQUEST, type DemoRecord } from './demo-generation.ts';
import type { Stack } from './stack.ts';

/** Where a person who has just seen the demo work can look further. `token`: an access token of the demo's user. */
export function describeWhereToLook(demo: {
  stack: Stack;
  record: DemoRecord;
  dataDir: string;
  token: string;
}): string {
  const { stack, record, dataDir, token } = demo;
  const images = `${stack.apiUrl}/ai/generated-images`;
  return `
The image:  ${record.image_url}
The page:   ${stack.apiUrl}/
The API:    ${stack.apiUrl}   (to browse and try: ${stack.apiUrl}/docs/)
Supabase:   ${stack.supabaseUrl} (embedded)
Data:       ${dataDir}
Logs:       ${join(stack.logFolder, '*.log')}

Submit:     curl ${stack.apiUrl}/ai/generate -H 'content-type: application/json' \\
              -d '${JSON.stringify(DEMO_REQUEST)}'
Poll:       curl ${images}/${record.id}
History:    curl '${images}?limit=5'

For the examples of the README, in another shell:
export API=${stack.apiUrl}
export TOKEN=${token}
export ADMIN_TOKEN=${stack.adminToken}
`;
}

/** Said on top of everything while no real model draws. */
export const SIMULATOR_WARNING = `
  ****************************************************************************
  *  NO GEMINI_API_KEY IS SET: A SIMULATOR DRAWS THE PICTURES, NOT GEMINI.   *
  *  Set GEMINI_API_KEY and start again for real ones (they cost money).     *
  ****************************************************************************
`;
