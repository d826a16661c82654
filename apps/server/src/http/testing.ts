/** Doubles for tests of the HTTP side: a hub that records what was asked of it and answers what a test says. */
import { createSeededRandom } from '@trunkline/base';
import { FakeClock, MemoryLogger } from '@trunkline/base/testing';
import {
  HUB_DEFAULTS,
  type Endpoint,
  type Hub,
  type NamespaceOptions,
  type Nodes,
  type NodeStats,
  type OrgApi,
  type Principal,
  type RouteDescriptor,
  type Validator,
} from '@trunkline/hub';
import { createLoneNodes } from '@trunkline/hub/testing';
import { CodedError } from '@trunkline/protocol';
import type { FastifyInstance } from 'fastify';
import type { ApiKeyIdentity } from '../auth/api-keys.js';
import { createConsoleSessions, type ConsoleSessions } from '../auth/console-sessions.js';
import { createHttpApp } from './app.js';
import { createNodeMetrics, type NodeMetrics } from './metrics.js';
import type { HttpOptions } from './ports.js';
import { createValidatorCompiler } from './validator.js';

export const TEST_STATS: NodeStats = {
  nodeId: 'node-1',
  startedAtMs: 1_700_000_000_000 - 60_000,
  connections: 7,
  users: 5,
  orgs: 2,
  subscriptions: 11,
  channels: 3,
  framesIn: 20,
  framesOut: 40,
  bytesIn: 2_000,
  bytesOut: 4_000,
  publications: 100,
  deliveries: 500,
  commands: { connect: 7, subscribe: 11 },
  errors: { 103: 2 },
  closes: { 3000: 1 },
  overflows: { recover: 1, latest: 2, gap: 3, close: 4 },
  recoveries: { recovered: 9, unrecovered: 1 },
  denials: 2,
  outboxBytes: 128,
  deliveryLatencyMs: { p50: 1, p99: 5, max: 20 },
};

/** A method of `OrgApi` that a test did not give an answer for. */
function unexpected(name: string): () => never {
  return () => {
    throw new Error(`${name} was not expected`);
  };
}

export interface RecordedCall {
  readonly org: string;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** A hub without channels: `answers` are the methods of every org; calls are recorded in order. */
export class FakeHub implements Hub {
  readonly nodeId = 'node-1';
  readonly options = HUB_DEFAULTS;
  readonly calls: RecordedCall[] = [];
  draining = false;
  answers: Partial<OrgApi>;
  routeList: readonly RouteDescriptor[] = [];
  endpointList: readonly Endpoint[] = [];

  readonly nodes: Nodes;
  readonly #lone: ReturnType<typeof createLoneNodes>;

  constructor(answers: Partial<OrgApi> = {}) {
    this.answers = answers;
    const { startedAtMs, connections, users, orgs, subscriptions, channels } = TEST_STATS;
    this.#lone = createLoneNodes(
      this.nodeId,
      new FakeClock(),
      (org) => this.forOrg(org),
      () => ({
        name: this.nodeId,
        version: '0.0.0',
        startedAtMs,
        uptimeMs: 60_000,
        ...{ connections, users, orgs, subscriptions, channels },
      }),
    );
    this.nodes = this.#lone;
  }

  forOrg(org: string): OrgApi {
    const record =
      (method: string): unknown =>
      (...args: unknown[]) => {
        this.calls.push({ org, method, args });
        const answer = this.answers[method as keyof OrgApi] as ((...given: unknown[]) => unknown) | undefined;
        return (answer ?? unexpected(method))(...args);
      };
    const ask: OrgApi['ask'] = (kind, question, options) => this.#lone.askIn(org, kind, question, options);
    return new Proxy({ org, ask } as OrgApi, {
      get: (target, name) =>
        name === 'org' || name === 'ask' ? target[name] : (record(String(name)) as unknown),
    });
  }

  use = (): Promise<void> => Promise.resolve();
  accept = unexpected('accept');
  converse = unexpected('converse');
  stats = (): NodeStats => TEST_STATS;
  orgs = (): readonly string[] => ['acme', 'umbrella'];
  namespaces = (): readonly NamespaceOptions[] => [];
  endpoints = (): readonly Endpoint[] => this.endpointList;
  routes = (): readonly RouteDescriptor[] => this.routeList;
  drain = (): Promise<void> => Promise.resolve();
  dispose = (): Promise<void> => Promise.resolve();
}

export const OPERATOR: Principal = {
  user: 'operator',
  org: 'acme',
  roles: ['admin', 'operator'],
  groups: [],
  caps: [],
  channels: [],
};

export const TEST_KEYS: ReadonlyMap<string | undefined, ApiKeyIdentity> = new Map([
  ['acme-key', { name: 'backend', org: 'acme', scopes: ['*'] }],
  ['narrow-key', { name: 'publisher', org: 'acme', scopes: ['publish'] }],
  ['all-key', { name: 'root', org: '*', scopes: ['*'] }],
]);

/** Compiled once for all tests: the contracts do not change between them. */
const compile = createValidatorCompiler();
const compiled = new Map<string, Validator>();
function compileOnce(schema: object): Validator {
  const text = JSON.stringify(schema);
  const validator = compiled.get(text) ?? compile(schema);
  compiled.set(text, validator);
  return validator;
}

export interface TestApp {
  readonly app: FastifyInstance;
  readonly hub: FakeHub;
  readonly logger: MemoryLogger;
  readonly metrics: NodeMetrics;
  readonly clock: FakeClock;
  readonly sessions: ConsoleSessions;
}

/** Keys: `acme-key` for org acme, `all-key` for all. Bearer tokens: `good`; none at all is as good with `anonymous`. */
export async function createTestApp(
  hub: FakeHub = new FakeHub(),
  options: Partial<HttpOptions> & { readonly console?: boolean; readonly anonymous?: boolean } = {},
): Promise<TestApp> {
  const logger = new MemoryLogger();
  const clock = new FakeClock();
  const sessions = createConsoleSessions({ clock, logger }, { user: 'operator', org: 'acme' });
  const metrics = createNodeMetrics(hub, { perOrg: true, process: false });
  const app = await createHttpApp(
    {
      clock,
      random: createSeededRandom(1),
      logger,
      hub,
      validator: compileOnce,
      apiKeys: { verify: (key) => TEST_KEYS.get(key) },
      authenticator: {
        authenticate: ({ token }) =>
          token === 'good' || (token === '' && options.anonymous === true)
            ? Promise.resolve({ principal: token === '' ? { ...OPERATOR, user: '', roles: [] } : OPERATOR })
            : Promise.reject(new CodedError('unauthorized')),
      },
      metrics: metrics.registry,
      onApiCall: metrics.onApiCall,
      ...(options.console === false ? {} : { sessions }),
    },
    {
      version: '1.2.3',
      nodeName: 'first',
      bodyMaxBytes: 100_000,
      batchMaxCommands: 5,
      maxDepth: 16,
      trustedProxies: [],
      consoleDir: '/nonexistent',
      ...options,
    },
  );
  return { app, hub, logger, metrics, clock, sessions };
}
