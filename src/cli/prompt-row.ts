import type { BatchItem } from '../client/batches.ts';

/** What one row of a file of prompts asks for. `line` is where it begins there, from 1. */
export type PromptRow = { line: number; item: Partial<BatchItem> };
