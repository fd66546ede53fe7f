const ENDING = '.thumb.webp';

/** Of the thumbnail of the image at `imagePath`, beside it: `{folder}/{attempt}.thumb.webp`. */
export const thumbnailPathOf = (imagePath: string): string => imagePath.replace(/\.[a-z]+$/, ENDING);

export const isThumbnail = (path: string): boolean => path.endsWith(ENDING);
