import type { View } from './app.ts';
import { batchesView } from './batches-view.ts';
import { imagesView } from './images-view.ts';
import { queueView } from './queue-view.ts';
import { usageView } from './usage-view.ts';

/** The page's menu, in this order; the first is where one begins. */
export const VIEWS: View[] = [imagesView, batchesView, queueView, usageView];
