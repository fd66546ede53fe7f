import type { ErrorRequestHandler, RequestHandler } from 'express';
import { ApiError } from './api-error.ts';

/** RFC 7617. */
const BASIC = /^Basic +([\w+/=-]+)$/i;

/**
 * Takes the password that a browser asks for as the token that scripts send; the name before it says nothing. Mounted
 * where there is only something to look at: a browser sends what it was once told by itself, whatever page asks it to.
 */
export const takePassword: RequestHandler = (req, _res, next) => {
  const [, encoded] = BASIC.exec(req.get('Authorization') ?? '') ?? [];
  if (encoded !== undefined) {
    const text = Buffer.from(encoded, 'base64').toString();
    req.headers.authorization = `Bearer ${text.slice(text.indexOf(':') + 1)}`;
  }
  next();
};

/** A browser asks its user only if the refusal says so. */
export const askForPassword: ErrorRequestHandler = (error, _req, _res, next) => {
  if (!(error instanceof ApiError) || error.code !== 'unauthorized') return next(error);
  const headers = { 'WWW-Authenticate': 'Basic realm="darkroom", charset="UTF-8"' };
  next(new ApiError('unauthorized', error.message, { headers, cause: error.cause }));
};
