import { type Request, type RequestHandler, type Response, Router } from 'express';
import { ApiError } from './api-error.ts';
import { DOCS_FILES, DOCS_PAGE } from './docs-files.ts';
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
  const restrict: RequestHandler = (_req, res, next) => {
    res.set('Content-Security-Policy', POLICY).set('Cache-Control', 'public, no-cache');
    next();
  };

  const sendPage = (req: Request, res: Response): void => {
    // Relative, so that it also works below another path of a proxy.
    if (!req.path.endsWith('/')) res.redirect(301, 'docs/');
    else res.sendFile(DOCS_PAGE, { cacheControl: false, etag: false, lastModified: false });
  };

  const sendFile = (req: Request<{ file: string }>, res: Response): void => {
    const file = Object.hasOwn(DOCS_FILES, req.params.file) ? DOCS_FILES[req.params.file] : undefined;
    if (file === undefined) throw new ApiError('not_found', 'There is nothing here.');
    res.sendFile(file, { cacheControl: false });
  };

  const router = Router();
  router.route('/docs').get(restrict, sendPage).all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route('/docs/:file').get(restrict, sendFile).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}
