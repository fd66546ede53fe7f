/** Those that an older database would lack: an API is ready once its migrations are in. */
export const NEEDED_FUNCTIONS = [
  'submit_generations',
  'release_generations',
  'get_generations',
  'find_replayed_generation',
  'search_generations',
  'advance_batches',
  'get_dataset_context',
  'add_dataset_images',
  'list_webhook_deliveries',
  'get_event_snapshot',
  'get_lane_load',
  'get_generation_events',
  'read_usage',
  'read_prompts',
];
