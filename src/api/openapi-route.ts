import { Router } from 'express';
import { contentTag, isKnown } from './etag.ts';
import { createOpenApiDocument } from './openapi/document.ts';
import { answerMethodNotAllowed } from './problem.ts';

/** `GET /openapi.json`: what this API answers. It is written when it is first asked for; then it stays. */
export function createOpenApiRoute(): Router {
  let written: { body: string; etag: string } | undefined;
  const write = () => {
    const body = JSON.stringify(createOpenApiDocument());
    return { body, etag: contentTag(body) };
  };

  const router = Router();
  router
    .route('/openapi.json')
    .get((req, res) => {
      written ??= write();
      const { body, etag } = written;
      res.set('ETag', etag).set('Cache-Control', 'public, no-cache');
      if (isKnown(req, etag)) return void res.status(304).end();
      res.type('application/json').send(body);
    })
    .all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}
