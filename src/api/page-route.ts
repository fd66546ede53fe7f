import { type Request, type Response, Router } from 'express';
import type { Storage } from '../shared/storage.ts';
import { ApiError } from './api-error.ts';
import { isKnown } from './etag.ts';
import { createReadPageFile, type PageFolder } from './page-files.ts';
import { answerMethodNotAllowed } from './problem.ts';

/**
 * Scripts and styles come from here only, and none of them stands in a page or makes HTML of text; pictures also come
 * from Storage. No `upgrade-insecure-requests`: the page has to work where the API is plain HTTP.
 */
const policyWith = (storage: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' ${storage}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');

/**
 * `/`: the page to make and to look at images. Its scripts are the TypeScript of `src/web` and `src/client`, without its
 * types; there is no build step, and the page asks nobody else but Storage for anything.
 */
export function createPageRoute(deps: { storage: Pick<Storage, 'imageUrl'> }): Router {
  const readPageFile = createReadPageFile();
  const send = async (req: Request, res: Response, folder: PageFolder, name: string): Promise<void> => {
    const file = await readPageFile(folder, name);
    if (!file) throw new ApiError('not_found', 'There is nothing here.');
    res.set('Content-Security-Policy', policyWith(new URL(deps.storage.imageUrl('')).origin));
    res.set('Cache-Control', 'public, no-cache').set('ETag', file.etag);
    if (isKnown(req, file.etag)) res.status(304).end();
    else res.type(file.type).send(file.body);
  };
  const sendFile = (folder: PageFolder) => (req: Request<{ file: string }>, res: Response) =>
    send(req as Request, res, folder, req.params.file);

  const router = Router();
  const only = answerMethodNotAllowed('GET', 'HEAD');
  router
    .route('/')
    .get((req, res) => send(req, res, 'web', 'page.html'))
    .all(only);
  router.route('/web/:file').get(sendFile('web')).all(only);
  router.route('/client/:file').get(sendFile('client')).all(only);
  return router;
}
