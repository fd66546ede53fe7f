import { readFile } from 'node:fs/promises';
import { type Request, type Response, Router } from 'express';
import { ApiError } from './api-error.ts';
import { DOCS_FILES, DOCS_PAGE } from './docs-files.ts';
import { contentTag, isKnown } from './etag.ts';
import { answerMethodNotAllowed } from './problem.ts';

/**
 * Everything comes from here, and nothing is asked for elsewhere. Styles are let in: Swagger UI sets them on elements.
 * No `upgrade-insecure-requests`: the page has to work where the API is plain HTTP.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `/docs/`: the OpenAPI document to browse and try, by Swagger UI. It works without the internet. */
export function createDocsRoute(): Router {
  const known = new Map<string, { bytes: Buffer; etag: string }>();
  const read = async (path: string) => {
    const bytes = await readFile(path);
    const file = { bytes, etag: contentTag(bytes) };
    known.set(path, file);
    return file;
  };

  const send = async (req: Request, res: Response, path: string): Promise<void> => {
    const { bytes, etag } = known.get(path) ?? (await read(path));
    res.set('Content-Security-Policy', POLICY).set('Cache-Control', 'public, no-cache').set('ETag', etag);
    if (isKnown(req, etag)) res.status(304).end();
    else res.type(path.slice(path.lastIndexOf('.'))).send(bytes);
  };

  const sendPage = async (req: Request, res: Response): Promise<void> => {
    // Relative, so that it also works below another path of a proxy.
    if (req.path.endsWith('/')) await send(req, res, DOCS_PAGE);
    else res.redirect(301, 'docs/');
  };

  const sendFile = async (req: Request<{ file: string }>, res: Response): Promise<void> => {
    const { file } = req.params;
    const path = Object.hasOwn(DOCS_FILES, file) ? DOCS_FILES[file] : undefined;
    if (path === undefined) throw new ApiError('not_found', 'There is nothing here.');
    await send(req as Request, res, path);
  };

  const router = Router();
  router.route('/docs').get(sendPage).all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route('/docs/:file').get(sendFile).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}
