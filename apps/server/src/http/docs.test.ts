import { channel } from 'node:diagnostics_channel';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Validator } from '@seriousme/openapi-schema-validator';
import { apiAliases, apiMethods } from '@trunkline/contracts/api';
import type { RouteDescriptor } from '@trunkline/hub';
import { CLOSE_CODES, ERROR_CODES, UNSUBSCRIBE_CODES } from '@trunkline/protocol';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { MODULE_CONTRACTS } from '../openapi/contracts.js';
import { createTestApp, FakeHub, type TestApp } from './testing.js';

interface Media {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
}
interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: object;
    readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, Media>> }>>;
  };
}
interface AsyncApi {
  readonly info: {
    readonly 'x-codes': Readonly<
      Record<'errors' | 'unsubscribe' | 'close', readonly { readonly code: number }[]>
    >;
  };
  readonly channels: Readonly<Record<string, { readonly address: string | null; readonly messages: object }>>;
  readonly operations: Readonly<Record<string, object>>;
  readonly components: {
    readonly messages: Readonly<Record<string, { readonly payload: object }>>;
    readonly schemas: object;
  };
}

const open: TestApp[] = [];
afterEach(async () => {
  for (const { app } of open.splice(0)) await app.close();
});

async function setUp(hub: FakeHub = new FakeHub()) {
  const test = await createTestApp(hub);
  open.push(test);
  const get = async (url: string, headers: Record<string, string> = {}) => {
    const { statusCode, body, headers: got } = await test.app.inject({ url, headers });
    return { status: statusCode, text: body, headers: got };
  };
  const json = async <T>(url: string): Promise<T> => JSON.parse((await get(url)).text) as T;
  return { ...test, get, json };
}

const ROUTES: readonly RouteDescriptor[] = [
  {
    method: 'PUT',
    path: '/things/:id',
    summary: 'Writes a thing.',
    params: { type: 'object', properties: { id: { type: 'string', maxLength: 5 } } },
    query: { type: 'object', properties: { dry: { type: 'string' } }, required: ['dry'] },
    body: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object', required: ['size'] },
    response: { type: 'object', properties: { done: { type: 'boolean' } } },
    handle: () => ({ status: 200 }),
  },
  { method: 'GET', path: '/things/:id', summary: 'Reads a thing.', handle: () => ({ status: 200 }) },
  {
    method: 'PATCH',
    path: '/things/:id',
    summary: 'Patches a thing.',
    rawBody: { types: ['application/json', 'application/x-patch+yaml'], maxBytes: 10 },
    handle: () => ({ status: 200 }),
  },
];

describe('OpenAPI', () => {
  it('[ADOC-1] the document is valid OpenAPI 3.1', async () => {
    const { json } = await setUp(Object.assign(new FakeHub(), { routeList: ROUTES }));
    const document = await json<Record<string, unknown>>('/openapi.json');
    expect(document['openapi']).toBe('3.1.0');
    const result = await new Validator().validate(document);
    expect(result).toMatchObject({ valid: true });
  });

  it('[ADOC-2] every route of the server is in it, and nothing else', async () => {
    const bound: string[] = [];
    const watch = (message: unknown): void => {
      (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', ({ method, url }) => {
        for (const one of [method].flat())
          if (one !== 'HEAD' && one !== 'OPTIONS') bound.push(`${one} ${url}`);
      });
    };
    channel('fastify.initialization').subscribe(watch);
    const { json } = await setUp(Object.assign(new FakeHub(), { routeList: ROUTES }));
    channel('fastify.initialization').unsubscribe(watch);
    const { paths } = await json<OpenApi>('/openapi.json');
    const documented = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    // All methods share one route; other verbs there are refused. The console's door and the pages are for browsers.
    const names = [...Object.keys(apiMethods), ...Object.keys(apiAliases), 'batch'];
    const expected = bound
      .flatMap((route) =>
        route === 'POST /api/:method' ? names.map((name) => `POST /api/${name}`) : [route],
      )
      .filter((route) => !/ \/(api\/:method|console\/.*|docs.*)?$/.test(route));
    expect(documented.sort()).toEqual(expected.sort());
  });

  it('[ADOC-2] routes of modules show their parameters and schemas', async () => {
    const { json } = await setUp(Object.assign(new FakeHub(), { routeList: ROUTES }));
    const { paths } = await json<OpenApi>('/openapi.json');
    const put = paths['/things/{id}']?.['put'];
    expect(put?.operationId).toBe('putThingsId');
    expect(put?.parameters).toEqual([
      { in: 'path', name: 'id', required: true, schema: { type: 'string', maxLength: 5 } },
      { in: 'query', name: 'dry', required: true, schema: { type: 'string' } },
    ]);
    expect(put?.requestBody?.content['application/json']?.schema).toEqual({
      type: 'object',
      required: ['size'],
    });
    const patch = paths['/things/{id}']?.['patch'];
    expect(patch?.requestBody?.content).toEqual({ 'application/json': {}, 'application/x-patch+yaml': {} });
  });

  it('[ADOC-3] every example fits its schema, in requests, answers and refusals', async () => {
    const { json } = await setUp();
    const { paths, components } = await json<OpenApi>('/openapi.json');
    const ajv = new Ajv2020({ strict: false });
    let tried = 0;
    const check = (where: string, { schema, example, examples }: Media): void => {
      const validate = ajv.compile({ ...schema, components });
      const given = [
        ...(example === undefined ? [] : [example]),
        ...Object.values(examples ?? {}).map(({ value }) => value),
      ];
      for (const value of given) {
        expect(
          validate(value),
          `${where}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`,
        ).toBe(true);
        tried++;
      }
    };
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { requestBody, responses }] of Object.entries(operations)) {
        for (const media of Object.values(requestBody?.content ?? {})) {
          expect(media.example ?? path.startsWith('/things'), `${path} has an example`).toBeTruthy();
          check(`${method} ${path}`, media);
        }
        for (const [status, { content }] of Object.entries(responses))
          for (const media of Object.values(content ?? {})) check(`${method} ${path} ${status}`, media);
      }
    }
    for (const [name, { content }] of Object.entries(components.responses))
      for (const media of Object.values(content)) check(name, media);
    expect(tried).toBeGreaterThan(60);
  });
});

describe('AsyncAPI', () => {
  const require = createRequire(import.meta.url);

  async function load() {
    const { json } = await setUp(
      Object.assign(new FakeHub(), {
        endpointList: [
          { path: '/connection/websocket', transport: 'websocket' },
          { path: '/connection/sse', transport: 'sse' },
          { path: '/foreign', transport: 'websocket' },
        ],
      }),
    );
    return json<AsyncApi>('/asyncapi.json');
  }

  it('[ADOC-4] the document is valid AsyncAPI 3, by the schema of its makers', async () => {
    const document = await load();
    const schema = require('@asyncapi/specs/schemas/3.0.0-without-$id.json') as object;
    const ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
    const validate = ajv.compile(schema);
    expect(validate(document), ajv.errorsText(validate.errors)).toBe(true);
    for (const pointer of JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g))
      expect(resolve(document, pointer[1] ?? ''), pointer[1]).toBeDefined();
  });

  it('[ADOC-5] channels, methods and codes are all there', async () => {
    const { channels, operations, info, components } = await load();
    expect(Object.values(channels).map(({ address }) => address)).toEqual(
      expect.arrayContaining([
        '/connection/websocket',
        '/connection/sse',
        ...MODULE_CONTRACTS.flatMap(({ channels: promised }) =>
          Object.values(promised).map(({ pattern }) => pattern),
        ),
      ]),
    );
    expect(JSON.stringify(channels)).not.toContain('/foreign');
    for (const { rpc } of MODULE_CONTRACTS)
      for (const method of Object.keys(rpc)) {
        expect(operations).toHaveProperty([`rpc.${method}`]);
        expect(components.messages).toHaveProperty([`rpc.${method}.result`]);
      }
    const numbers = (table: Readonly<Record<string, { code: number }>>) =>
      Object.values(table).map(({ code }) => code);
    const { errors, unsubscribe, close } = info['x-codes'];
    expect(errors.map(({ code }) => code)).toEqual(expect.arrayContaining(numbers(ERROR_CODES)));
    expect(unsubscribe.map(({ code }) => code)).toEqual(numbers(UNSUBSCRIBE_CODES));
    expect(close.map(({ code }) => code)).toEqual(numbers(CLOSE_CODES));
  });

  it('[ADOC-5] every module with a contract of its own is in the list', () => {
    const manifest = JSON.parse(
      readFileSync(new URL('../../../../packages/contracts/package.json', import.meta.url), 'utf8'),
    ) as { exports: Record<string, unknown> };
    const notModules = new Set(['.', './api', './wire', './diagnosis', './kube-changes']);
    const modules = Object.keys(manifest.exports).filter((path) => !notModules.has(path));
    expect(MODULE_CONTRACTS.map(({ id }) => `./${id}`).sort()).toEqual(modules.sort());
  });

  it('[ADOC-6] every golden frame of the wire fits the message that describes it, and the server says nothing undescribed', async () => {
    const { components } = await load();
    const ajv = new Ajv({ strict: false });
    // Frames of clients may hold what the server does not know; those of the server hold what is described.
    const parts = { components: { schemas: components.schemas } };
    const compiled = new Map(
      Object.entries(components.messages).map(([name, { payload }]) => {
        const whole = { ...payload, ...parts };
        return [name, ajv.compile((name.startsWith('command.') ? whole : closed(whole)) as object)];
      }),
    );
    const folder = new URL('../../../../packages/protocol/fixtures/', import.meta.url);
    let tried = 0;
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
      const { direction, cases } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
        direction: string;
        cases: { title: string; json?: string }[];
      };
      if (file === 'command-refused.json') continue;
      for (const { title, json } of cases) {
        // Some cases are for other codecs alone.
        if (json === undefined) continue;
        const name = messageOf(direction, json);
        const validate = compiled.get(name);
        expect(validate, `${file}: ${title} is ${name}`).toBeDefined();
        expect(validate?.(JSON.parse(json)), `${file}: ${title}: ${ajv.errorsText(validate?.errors)}`).toBe(
          true,
        );
        tried++;
      }
    }
    expect(tried).toBeGreaterThan(50);
  });
});

/** The message of a golden frame: by direction and by the field beside `id`; extensions by what is inside `tl`. */
function messageOf(direction: string, json: string): string {
  const document = JSON.parse(json) as Record<string, Record<string, unknown>>;
  if (direction === 'push') {
    const push = document['push'] ?? {};
    const field = Object.keys(push).find((name) => name !== 'channel') ?? '';
    const data = (push[field] as { data?: { tl?: object } } | undefined)?.data;
    const ours =
      field === 'message' && typeof data === 'object' && data?.tl ? Object.keys(data.tl)[0] : undefined;
    return `push.${ours ?? field}`;
  }
  const kind = Object.keys(document).find((name) => name !== 'id');
  if (kind === undefined) return direction === 'command' ? 'pong' : 'ping';
  return kind === 'error' ? 'error' : `${direction}.${kind}`;
}

/** A schema that admits no field it does not name. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return 'properties' in copy && !('additionalProperties' in copy)
    ? { ...copy, additionalProperties: false }
    : copy;
}

function resolve(document: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>(
      (at, part) => (at as Record<string, unknown> | undefined)?.[part.replace(/~1/g, '/')],
      document,
    );
}

describe('pages', () => {
  it('[ADOC-7] the page and its library come from this server, and nothing may come from elsewhere', async () => {
    const { get } = await setUp();
    const page = await get('/docs', { accept: 'text/html' });
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.text).not.toMatch(/https?:\/\//);
    const files = [...page.text.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, url = '']) => url);
    expect(files).toEqual(
      expect.arrayContaining(['/docs/swagger-ui-bundle.js', '/docs/start.js', '/openapi.json']),
    );
    for (const url of files) expect((await get(url)).status, url).toBe(200);
    expect((await get('/docs/')).status).toBe(200);
  });

  it('[ADOC-7] of the library only what the page needs is given out', async () => {
    const { get } = await setUp();
    for (const url of [
      '/docs/package.json',
      '/docs/index.html',
      '/docs/swagger-ui.js',
      '/docs/../package.json',
      '/docs/nothing',
    ])
      expect((await get(url, { accept: 'text/html' })).status, url).toBe(404);
  });

  it('[ADOC-7] documents have a tag and are not sent again', async () => {
    const { get } = await setUp();
    for (const url of ['/openapi.json', '/asyncapi.json', '/docs', '/docs/errors']) {
      const { etag } = (await get(url)).headers;
      expect(etag).toMatch(/^"[\w-]{22}"$/);
      expect(await get(url, { 'if-none-match': String(etag) })).toMatchObject({ status: 304, text: '' });
    }
  });

  it('[ADOC-8] the page of codes has every code once, with what to do', async () => {
    const { get } = await setUp();
    const { text } = await get('/docs/errors');
    for (const table of [ERROR_CODES, UNSUBSCRIBE_CODES, CLOSE_CODES])
      for (const [name, { code }] of Object.entries(table)) {
        const [row = '', ...more] = text.match(new RegExp(`<tr id="${code}">.*?</tr>`, 'g')) ?? [];
        expect(row).toContain(`<code>${name}</code>`);
        expect(more).toEqual([]);
        expect(row).not.toContain('<td></td>');
      }
  });
});
