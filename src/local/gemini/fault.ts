import type { Answer } from './answer.ts';
import type { ImageMime } from './draw-picture.ts';
import type { ImageOrder } from './image-order.ts';
import type { Picture } from './pictures.ts';

/** What a fault may use to make its answer. */
export type FaultContext = {
  order: ImageOrder;
  /** What stood behind the fault's name, e.g. `['IMAGE_SAFETY', 'null']` for `finish:IMAGE_SAFETY:null`. */
  params: readonly string[];
  /** The picture a good answer would carry; `mime` asks for a drawn one of that kind. */
  picture: (mime?: ImageMime) => Promise<Picture>;
};

/** Makes the answer to one call. Throws a Refusal for a parameter that makes no sense. */
export type Fault = (context: FaultContext) => Answer | Promise<Answer>;
