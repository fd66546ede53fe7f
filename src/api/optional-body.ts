import type { Request, RequestHandler } from 'express';

/** Reads a JSON body if there is one; without it the body is {}. */
export function createOptionalBody(jsonBody: RequestHandler): RequestHandler {
  return (req, res, next) => {
    if (hasBody(req)) return jsonBody(req, res, next);
    req.body = {};
    next();
  };
}

/** Whether anything is sent, of whatever type (RFC 9112, 6.3). */
function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
