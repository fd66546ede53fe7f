import type { Request } from 'express';
import { z } from 'zod';
import { ApiError } from './api-error.ts';

/** The id in a path. What is no UUID names nothing. @throws ApiError not_found */
export function readPathId(req: Request<{ id: string }>, notFound: string): string {
  const id = z.guid().safeParse(req.params.id);
  if (!id.success) throw new ApiError('not_found', notFound);
  return id.data;
}
