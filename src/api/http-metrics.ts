import type { Request, RequestHandler, Response } from 'express';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { NONE, OTHER } from '../shared/metrics/registry.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * Counts and times requests by method, route and class of status. A request that is held because its client prefers to
 * wait (`Prefer: wait`) is slow on purpose, as is a stream of events: they are
 * timed apart.
 */
export function createHttpMetrics(registry: Registry): RequestHandler {
  const registers = [registry];
  const labelNames = ['method', 'route', 'status'] as const;
  const durations = new Histogram({
    name: 'darkroom_http_request_duration_seconds',
    help: 'Requests from their head to the end of the answer, without those that were held.',
    labelNames,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  const held = new Histogram({
    name: 'darkroom_http_held_duration_seconds',
    help: 'Requests that were held with Prefer: wait, and streams of events.',
    labelNames,
    buckets: [0.1, 0.5, 1, 5, 10, 20, 40, 60, 600, 3_600],
    registers,
  });
  const refusals = new Counter({
    name: 'darkroom_http_refusals_total',
    help: 'Refusals (problem details), by their code.',
    labelNames: ['code'],
    registers,
  });
  const open = new Gauge({
    name: 'darkroom_http_requests_open',
    help: 'Requests that are being answered, with those that are held.',
    registers,
  });

  return (req, res, next) => {
    const from = performance.now();
    open.inc();
    res.once('close', () => {
      open.dec();
      const durationsOf = isHeld(res) ? held : durations;
      durationsOf.observe(labelsOf(req, res), (performance.now() - from) / 1_000);
      const code: unknown = res.locals.errorCode;
      if (typeof code === 'string') refusals.inc({ code });
    });
    next();
  };
}

const isHeld = (res: Response) =>
  res.hasHeader('Preference-Applied') ||
  String(res.getHeader('Content-Type')).startsWith('text/event-stream');

/** `aborted`: the client went away before its answer was out. */
function labelsOf(req: Request, res: Response) {
  const method = METHODS.has(req.method) ? req.method : OTHER;
  const status = res.writableFinished ? `${Math.floor(res.statusCode / 100)}xx` : 'aborted';
  return { method, route: routeOf(req), status };
}

/** The route's template, as in the OpenAPI document; never the path, of which there are as many as callers like. */
function routeOf(req: Request): string {
  const path: unknown = req.route?.path;
  return typeof path === 'string' ? path.replaceAll(/:(\w+)/g, '{$1}') : NONE;
}
