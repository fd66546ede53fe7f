import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Express } from 'express';
import type { z } from 'zod';
import { type AppDeps, createApp } from '../../src/api/app.ts';
import { createOpenApiDocument } from '../../src/api/openapi/document.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { createModels, modelsConfig } from '../../src/shared/models.ts';
import { NO_TRACING } from '../../src/shared/tracing.ts';
import type { Json } from './api-client.ts';
import { OPERATIONS } from './contract.ts';

const document: Json = JSON.parse(JSON.stringify(createOpenApiDocument()));
const described: { name: string; path: string; operation: Json }[] = Object.entries(document.paths).flatMap(
  ([path, item]) =>
    Object.entries(item as Json).map(([method, operation]) => ({
      name: `${method} ${path}`,
      path,
      operation,
    })),
);

/** Every object below, with where it is. */
function* walk(value: Json, at = '#'): Generator<[at: string, value: Json]> {
  if (typeof value !== 'object' || value === null) return;
  yield [at, value];
  for (const [key, child] of Object.entries(value)) yield* walk(child, `${at}/${key}`);
}

function resolve(ref: string): Json {
  return ref
    .slice(2)
    .split('/')
    .reduce((value, part) => value?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], document);
}
const deref = (value: Json): Json => (value.$ref ? resolve(value.$ref) : value);

describe('the OpenAPI document', () => {
  it('is one of version 3.1, with everything that has to be there', () => {
    assert.match(document.openapi, /^3\.1\.\d$/);
    for (const member of ['title', 'version']) assert.equal(typeof document.info[member], 'string');
    assert.ok(described.length > 0);
    assert.deepEqual(
      described
        .map(({ name }) => name)
        .filter((name) => !/^(get|put|post|delete|patch) \/[^?#]*$/.test(name)),
      [],
    );
  });

  it('has no reference to nothing', () => {
    const broken = [...walk(document)].filter(([, { $ref }]) => $ref !== undefined && !resolve($ref));
    assert.deepEqual(broken, []);
  });

  it('has no component that nothing refers to', () => {
    const refs = new Set([...walk(document)].map(([, { $ref }]) => $ref));
    const unused = ['schemas', 'headers', 'parameters'].flatMap((kind) =>
      Object.keys(document.components[kind])
        .map((name) => `#/components/${kind}/${name}`)
        .filter((ref) => !refs.has(ref)),
    );
    assert.deepEqual(unused, []);
  });

  it('names every operation once, with a tag that is explained', () => {
    const ids = described.map(({ operation }) => operation.operationId);
    assert.deepEqual(ids, [...new Set(ids)]);
    const tags = new Set(document.tags.map(({ name }: Json) => name));
    for (const { name, operation } of described) {
      assert.ok(operation.summary, name);
      assert.ok(operation.tags.length === 1 && tags.has(operation.tags[0]), name);
    }
  });

  it('declares every parameter of a path, and no other', () => {
    for (const { name, path, operation } of described) {
      const declared = operation.parameters.map(deref).filter((one: Json) => one.in === 'path');
      assert.deepEqual(
        declared.map((one: Json) => `{${one.name}}`),
        path.match(/\{\w+\}/g) ?? [],
        name,
      );
      assert.ok(
        declared.every((one: Json) => one.required === true),
        name,
      );
      for (const one of operation.parameters.map(deref))
        assert.ok(one.schema && one.description !== '', name);
    }
  });

  it('says of every answer what it means and has, Request-Id always', () => {
    for (const { name, operation } of described) {
      assert.ok(Object.keys(operation.responses).length > 0, name);
      for (const [status, response] of Object.entries<Json>(operation.responses)) {
        const what = `${name} ${status}`;
        assert.match(status, /^[2-5]\d\d$/, what);
        assert.ok(response.description && response.headers['Request-Id'], what);
        const hasNoBody = ['204', '301', '302', '304'].includes(status);
        const types = Object.values<Json>(response.content ?? {});
        assert.equal(types.length === 0, hasNoBody, what);
        for (const { schema } of types) assert.ok(schema.$ref || schema.type || schema.anyOf, what);
      }
    }
  });

  it('knows only the security schemes that it explains', () => {
    for (const { name, operation } of described) {
      for (const scheme of operation.security.flatMap(Object.keys)) {
        assert.ok(document.components.securitySchemes[scheme], `${name}: ${scheme}`);
      }
    }
  });

  it('closes no answer and no list of values in one: both may grow', () => {
    const ofAnswers = Object.entries<Json>(document.components.schemas).filter(
      ([id]) => !id.endsWith('Request'),
    );
    const closed = ofAnswers.flatMap(([id, schema]) =>
      [...walk(schema, id)].filter(
        ([, one]) => Array.isArray(one.enum) || one.additionalProperties === false,
      ),
    );
    assert.deepEqual(closed, []);
  });

  it('gives examples that its own schemas take', () => {
    const check = (what: string, schema: z.ZodType | undefined, example: unknown) => {
      if (example === undefined) return;
      const parsed = schema?.safeParse(example);
      assert.ok(parsed?.success, `${what}: ${parsed?.error}`);
    };
    for (const { operationId, body, answers } of OPERATIONS) {
      check(`${operationId} body`, body?.schema, body?.example);
      for (const [status, { schema, example }] of Object.entries(answers)) {
        check(`${operationId} ${status}`, schema, example);
      }
    }
  });
});

describe('the routes', () => {
  it('are those of the document, all of them and no others', () => {
    const routes = listRoutes(createApp(depsThatNobodyCalls()));

    assert.deepEqual(routes.sort(), described.map(({ name }) => name).sort());
  });
});

type Layer = { route?: { path: string; methods: Record<string, boolean> }; handle?: { stack?: Layer[] } };

/** `get /path/{id}` of every route that express knows. */
function listRoutes(app: Express): string[] {
  const routesOf = (layers: Layer[]): string[] =>
    layers.flatMap(({ route, handle }) => {
      if (!route) return routesOf(handle?.stack ?? []);
      const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
      const methods = Object.keys(route.methods).filter((method) => method !== '_all' && method !== 'head');
      return methods.map((method) => `${method} ${path}`);
    });
  return routesOf(app.router.stack as unknown as Layer[]);
}

function depsThatNobodyCalls(): AppDeps {
  const deps: Partial<AppDeps> = {
    models: createModels(modelsConfig.MODELS_FILE.parse(undefined), undefined),
    corsOrigins: [],
    rateLimit: (_req, _res, next) => next(),
    observeRequests: (_req, _res, next) => next(),
    trustedProxies: 0,
    tracing: NO_TRACING,
    log: createLogger('api', 'silent'),
  };
  return deps as AppDeps;
}
