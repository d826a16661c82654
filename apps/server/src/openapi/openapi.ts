/**
 * The OpenAPI 3.1 document of a node: the methods of the HTTP API out of their contracts, the routes of modules out of their descriptors,
 * health and metrics. Nothing in it is kept by hand twice; what a route takes is what its validator was compiled from.
 */
import { apiAliases, apiBatch, apiError, apiMethods, type ApiMethod } from '@trunkline/contracts/api';
import type { RawBody, RouteDescriptor } from '@trunkline/hub';
import { z } from 'zod';
import { SchemaPool, type JsonSchema } from './schema-pool.js';

export interface OpenApiParts {
  readonly version: string;
  /** Of modules, as bound. */
  readonly routes: readonly RouteDescriptor[];
  readonly metrics: boolean;
}

type Operation = Readonly<Record<string, unknown>>;
type Paths = Record<string, Record<string, Operation>>;

const JSON_TYPE = 'application/json';
/** A key of one org alone, or one of all orgs with the header that names one. */
const KEY_SECURITY = [{ apiKey: [] }, { apiKey: [], org: [] }];

const TAGS = {
  Publishing: 'Getting data out.',
  Channels: 'What a channel holds and who is on it.',
  Maps: 'Channels that hold the latest value of each key.',
  Connections: 'The connections of users, on this node and all others.',
  Server: 'What this node is and what happened on it.',
  Modules: 'Routes of modules. A caller is a console session, a bearer token or an API key.',
  Operation: 'For load balancers and monitoring.',
} as const;

const DESCRIPTION = [
  'Every method is called with `POST` and a JSON body, and answers `{"result": …}` or `{"error": {"code", "message"}}`.',
  'Status 200 means that the request was understood, not that it succeeded: what a channel refuses is an `error` with status 200.',
  'A request that is itself at fault (codes 106 and 107) is status 400. Header `X-Centrifugo-Error-Mode: transport` asks for the status that fits the code instead.',
  '',
  'Other documents of this server: [codes](/docs/errors), [the wire as AsyncAPI](/asyncapi.json), [this page as OpenAPI](/openapi.json).',
].join('\n');

export function buildOpenApi(parts: OpenApiParts): JsonSchema {
  const pool = new SchemaPool('draft-2020-12');
  const paths: Paths = {};
  for (const method of Object.keys(apiMethods) as ApiMethod[])
    paths[`/api/${method}`] = { post: apiOperation(pool, method) };
  for (const [alias, method] of Object.entries(apiAliases))
    paths[`/api/${alias}`] = {
      post: { ...apiOperation(pool, method), operationId: alias, summary: `Another name of \`${method}\`.` },
    };
  paths['/api/batch'] = { post: batchOperation(pool) };
  paths['/api'] = { post: linesOperation(pool) };
  for (const route of parts.routes) {
    const path = route.path.replace(/[:*](\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: moduleOperation(route) };
  }
  Object.assign(paths, operatingPaths(parts.metrics));
  const error = pool.add(apiError);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Trunkline server API',
      version: parts.version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This server.' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: pool.components,
      responses: refusals(wrapped('error', error)),
      securitySchemes: {
        apiKey: {
          type: 'apiKey',
          in: 'header',
          name: 'X-API-Key',
          description:
            'A key of the configuration or of the directory; also taken as `Authorization: apikey …`.',
        },
        org: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Org',
          description:
            'The org to act in. Required with a key of all orgs; with another key it may only repeat its org.',
        },
        bearer: { type: 'http', scheme: 'bearer', description: 'A connection token.' },
      },
    },
  };
}

function apiOperation(pool: SchemaPool, method: ApiMethod): Operation {
  const { tag, summary, params, result, example } = apiMethods[method];
  return {
    ...operation(method, tag, summary),
    requestBody: jsonBody(pool.add(params), example.params),
    responses: {
      200: {
        description: 'Carried out, or refused by the channel.',
        headers: ANSWER_HEADERS,
        content: {
          [JSON_TYPE]: {
            schema: { oneOf: [wrapped('result', pool.add(result)), wrapped('error', pool.add(apiError))] },
            examples: {
              result: { value: { result: example.result } },
              refusal: { value: { error: { code: 108, message: 'not available' } } },
            },
          },
        },
      },
      ...REFUSAL_REFERENCES,
    },
  };
}

function batchOperation(pool: SchemaPool): Operation {
  const { tag, summary, params, result, example } = apiBatch;
  return {
    ...operation('batch', tag, summary),
    requestBody: jsonBody(pool.add(params), example.params),
    responses: {
      200: jsonAnswer('A reply for each command, in order.', pool.add(result), example.result),
      ...REFUSAL_REFERENCES,
    },
  };
}

function linesOperation(pool: SchemaPool): Operation {
  const line = z.object({ id: z.number().optional(), method: z.string(), params: z.unknown().optional() });
  return {
    ...operation(
      'commands',
      'Publishing',
      'The form of older server libraries: commands a line each, answered a line each.',
    ),
    deprecated: true,
    requestBody: jsonBody(pool.add(line), { method: 'publish', params: apiMethods.publish.example.params }),
    responses: {
      200: jsonAnswer('A line with `result` or `error` for each command, in order.', { type: 'object' }),
      ...REFUSAL_REFERENCES,
    },
  };
}

/** The first sentence is the heading, which is plain text; the rest is Markdown. */
function operation(operationId: string, tag: keyof typeof TAGS, text: string): Operation {
  const [summary = '', ...description] = text.split(/(?<=\.) /);
  return {
    operationId,
    tags: [tag],
    summary: summary.replaceAll('`', ''),
    ...(description.length === 0 ? {} : { description: description.join(' ') }),
    security: KEY_SECURITY,
  };
}

function moduleOperation(route: RouteDescriptor): Operation {
  const { body, rawBody, response } = route;
  const inPath = [...route.path.matchAll(/[:*](\w+)/g)].map(([, name = '']) => name);
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase()).replace(/\W/g, '')}`,
    tags: ['Modules'],
    summary: route.summary,
    security: [...KEY_SECURITY, { bearer: [] }],
    parameters: [
      ...inPath.map((name) => ({
        in: 'path',
        name,
        required: true,
        schema: propertiesOf(route.params)[name] ?? { type: 'string' },
      })),
      ...Object.entries(propertiesOf(route.query)).map(([name, schema]) => ({
        in: 'query',
        name,
        required: requiredOf(route.query).includes(name),
        schema,
      })),
    ],
    ...(rawBody === undefined ? {} : { requestBody: bytesOf(rawBody) }),
    ...(body === undefined || rawBody !== undefined
      ? {}
      : { requestBody: { required: true, content: { [JSON_TYPE]: { schema: plain(body) } } } }),
    responses: {
      '2XX': jsonAnswer('Carried out.', response === undefined ? {} : plain(response)),
      '4XX': { $ref: '#/components/responses/Refused' },
    },
  };
}

/** Of media types alone: what is in it is said elsewhere. */
function bytesOf({ types }: RawBody): object {
  return { required: false, content: Object.fromEntries(types.map((type) => [type, {}])) };
}

function operatingPaths(metrics: boolean): Paths {
  const status = (value: string) =>
    jsonAnswer(
      `The node is ${value}.`,
      { type: 'object', properties: { status: { const: value } }, required: ['status'] },
      { status: value },
    );
  const get = (operationId: string, summary: string, responses: object): Record<string, Operation> => ({
    get: { operationId, tags: ['Operation'], summary, security: [], responses },
  });
  return {
    '/health/live': get('healthLive', 'Whether the process answers.', { 200: status('live') }),
    '/health/ready': get('healthReady', 'Whether the node takes traffic.', {
      200: status('ready'),
      503: status('draining'),
    }),
    ...(metrics
      ? {
          '/metrics': {
            get: {
              operationId: 'metrics',
              tags: ['Operation'],
              summary: 'The numbers of the node, for Prometheus.',
              security: [{}, { bearer: [] }],
              responses: {
                200: {
                  description: 'Text exposition format.',
                  content: { 'text/plain': { schema: { type: 'string' } } },
                },
                401: { $ref: '#/components/responses/Unauthorized' },
              },
            },
          },
        }
      : {}),
    '/openapi.json': get('openapi', 'This document.', {
      200: jsonAnswer('OpenAPI 3.1.', { type: 'object' }),
    }),
    '/asyncapi.json': get('asyncapi', 'The wire: commands, replies, pushes, channels and codes.', {
      200: jsonAnswer('AsyncAPI 3.', { type: 'object' }),
    }),
  };
}

const REFUSALS = {
  400: [
    'BadRequest',
    'The request is at fault (codes 106 and 107); the message names the field.',
    107,
    'bad request: channel is required',
  ],
  401: ['Unauthorized', 'No key, or one that is not accepted: one answer to both.', 101, 'unauthorized'],
  403: [
    'Forbidden',
    "The key's org or scopes do not allow it.",
    103,
    "permission denied: the key's scopes do not name publish",
  ],
  404: [
    'NotFound',
    'There is no method of this name.',
    104,
    'method not found: there is no API method of this name',
  ],
  413: [
    'TooLarge',
    'The body is larger than `api.bodyMaxBytes`.',
    106,
    'limit exceeded: the body is larger than 4194304 bytes',
  ],
  415: [
    'Compressed',
    'The body is compressed.',
    107,
    'bad request: content-encoding must be identity: send the body uncompressed',
  ],
} as const;

const REFUSAL_REFERENCES = Object.fromEntries(
  Object.entries(REFUSALS).map(([status, [name]]) => [status, { $ref: `#/components/responses/${name}` }]),
);

function refusals(schema: JsonSchema): Readonly<Record<string, object>> {
  return {
    Refused: jsonAnswer('Refused; the status fits the code.', schema, {
      error: { code: 103, message: 'permission denied' },
    }),
    ...Object.fromEntries(
      Object.values(REFUSALS).map(([name, description, code, message]) => [
        name,
        jsonAnswer(description, schema, { error: { code, message } }),
      ]),
    ),
  };
}

const ANSWER_HEADERS = {
  'X-Request-Id': {
    description: "The request's id: the caller's own, or a new one. Log lines carry it too.",
    schema: { type: 'string' },
  },
};

function wrapped(name: string, schema: JsonSchema): JsonSchema {
  return { type: 'object', properties: { [name]: schema }, required: [name] };
}

function jsonBody(schema: JsonSchema, example: unknown): object {
  return { required: false, content: { [JSON_TYPE]: { schema, example } } };
}

function jsonAnswer(description: string, schema: JsonSchema, example?: unknown): Record<string, unknown> {
  return {
    description,
    headers: ANSWER_HEADERS,
    content: { [JSON_TYPE]: { schema, ...(example === undefined ? {} : { example }) } },
  };
}

/** Schemas of descriptors may carry what only stands at the top of a file. */
function plain(schema: object): JsonSchema {
  const { $schema: _, $id: __, ...rest } = schema as Record<string, unknown>;
  return rest;
}

function propertiesOf(schema: object | undefined): Readonly<Record<string, JsonSchema>> {
  return (schema as { properties?: Record<string, JsonSchema> } | undefined)?.properties ?? {};
}

function requiredOf(schema: object | undefined): readonly string[] {
  return (schema as { required?: readonly string[] } | undefined)?.required ?? [];
}
