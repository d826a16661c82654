/**
 * The hub: builds the rooms top to bottom, takes over transports, starts modules, and drains. It is the one file that sees all; the data
 * path below it never looks up (`docs/spec/hub.md`).
 */
import {
  every,
  randomId,
  type Clock,
  type Disposable,
  type Logger,
  type Random,
  type Timer,
  type Tracer,
} from '@trunkline/base';
import type { BrokerFactory } from '@trunkline/broker';
import { closeOf, CodedError, type Codec } from '@trunkline/protocol';
import { createJsonCodec } from '@trunkline/protocol/json';
import { createProtobufCodec } from '@trunkline/protocol/protobuf';
import { Channels } from './channels/channels.js';
import { Namespaces } from './channels/namespaces.js';
import { Clients } from './clients/clients.js';
import { OrgEvents } from './clients/org-events.js';
import { Connection, type ConnectionDeps } from './connection/connection.js';
import { Counters } from './connection/counters.js';
import { FlushQueue } from './connection/flush-queue.js';
import { Heartbeats } from './connection/heartbeat.js';
import { CONNECTIONS } from './nodes/connections.js';
import { isNodeMessage } from './nodes/message.js';
import { HubNodes } from './nodes/nodes.js';
import { hubAnswers } from './nodes/surveys.js';
import { resolveHubOptions, type HubOptions } from './options.js';
import type {
  Authenticator,
  CommandStore,
  QuotasOf,
  DurableLog,
  Endpoint,
  LinkProfile,
  Module,
  NamespaceOptions,
  Nodes,
  NodeStats,
  OpenRequest,
  OrgApi,
  Principal,
  RouteDescriptor,
  SessionPlan,
  Transport,
  TransportHandlers,
  ValidatorCompiler,
} from './ports/index.js';
import type { RouterDeps } from './router/deps.js';
import { drainSessions, type DrainOptions } from './router/drain.js';
import type { HandlerDeps } from './router/handlers.js';
import { createNativeEndpoints } from './router/native-endpoint.js';
import { applyControl, createOrgApi, readControl } from './router/org-api.js';
import { MemoryCommands } from './router/memory-commands.js';
import { LINE_CODEC, LineSession, type LineLink } from './router/line-session.js';
import { Modules, resolveFor } from './router/modules.js';
import { nodeFacts, nodeStats } from './router/node-stats.js';
import { Session } from './router/session.js';
import { Subscriptions } from './router/subscriptions.js';
import { Turns } from './router/turns.js';

export interface HubDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly broker: BrokerFactory;
  readonly authenticator: Authenticator;
  /** Compiles RPC parameter schemas; absent: params are not checked. */
  readonly validator?: ValidatorCompiler;
  /** Spans around commands (spec TRACE-1); absent: none. */
  readonly tracer?: Tracer;
  /** Where durable channels live; absent: a durable namespace is refused at start. */
  readonly durableLog?: DurableLog;
  /** Where effects are committed and keys of calls are kept; absent: keys are kept in memory, and effects are refused. */
  readonly commands?: CommandStore;
  /** What single orgs may use, within the options; absent: as the options say. */
  readonly quotasOf?: QuotasOf;
}

/** What an endpoint decided about a connection that is now open. */
export interface Link {
  readonly codec: Codec;
  readonly profile: LinkProfile;
  readonly request: OpenRequest;
  readonly principal?: Principal;
  readonly plan?: SessionPlan;
}

/** An open connection whose endpoint reads and writes its frames. */
export interface OpenLine extends LineLink {
  readonly profile: LinkProfile;
}

export interface Hub extends Disposable {
  readonly nodeId: string;
  readonly options: HubOptions;
  /** Starts a module and registers what it brings, whole or not at all. Throws on a name that is taken. */
  use(module: Module): Promise<void>;
  /** Takes over an open transport. The handlers are the only way in. */
  accept(transport: Transport, link: Link): TransportHandlers;
  /** The same for one whose endpoint speaks for itself. */
  converse(transport: Transport, line: OpenLine): TransportHandlers;
  forOrg(org: string): OrgApi;
  stats(): NodeStats;
  /** Orgs with connections on this node. */
  orgs(): readonly string[];
  /** Resolved namespaces, operator's and modules'. */
  namespaces(): readonly NamespaceOptions[];
  /** The native endpoints (WebSocket, HTTP streaming, SSE) and those of modules. */
  endpoints(): readonly Endpoint[];
  routes(): readonly RouteDescriptor[];
  /**
   * Closes connections with 3001 in stages; those that negotiated `drain` are advised first and have half the window to move by
   * themselves. Resolves when none is left or the window is over (the rest is then closed at once). Transports refuse new ones
   * while `draining`.
   */
  drain(options: DrainOptions): Promise<void>;
  readonly draining: boolean;
  /** The nodes that share this hub's broker. Questions about an org go through `forOrg`. */
  readonly nodes: Nodes;
}

/** How often expiry, age and stale pages are looked at. */
const SWEEP_MS = 1_000;

/** Throws a RangeError that names the field of bad options. */
export function createHub(deps: HubDeps, given?: Partial<HubOptions>): Hub {
  return new HubImpl(deps, resolveHubOptions(given));
}

class HubImpl implements Hub {
  readonly nodeId: string;
  readonly options: HubOptions;
  readonly nodes: HubNodes;
  readonly #deps: HubDeps;
  readonly #router: HandlerDeps;
  readonly #counters = new Counters();
  readonly #flushQueue: FlushQueue;
  readonly #heartbeats: Heartbeats;
  readonly #sessions = new Set<Session | LineSession>();
  readonly #modules: Modules;
  readonly #native: readonly Endpoint[];
  readonly #orgApis = new Map<string, OrgApi>();
  readonly #startedAtMs: number;
  readonly #sweep: Timer;
  #draining = false;
  #disposing: Promise<void> | undefined;

  constructor(deps: HubDeps, options: HubOptions) {
    const { clock, random, logger } = deps;
    this.#deps = deps;
    this.options = options;
    this.nodeId = options.nodeId === '' ? randomId(random, 12) : options.nodeId;
    this.#startedAtMs = clock.now();
    this.#flushQueue = new FlushQueue(clock, this.#counters);
    this.#heartbeats = new Heartbeats(clock, random);
    this.#native = createNativeEndpoints(
      { json: createJsonCodec(), protobuf: createProtobufCodec() },
      options,
    );
    const durable = deps.durableLog !== undefined;
    const namespaces = new Namespaces();
    for (const namespace of options.namespaces) namespaces.add(resolveFor(durable, namespace));
    const handler = Channels.handler(
      () => channels,
      (message) => this.#onControl(message),
    );
    const broker = deps.broker({
      ...handler,
      onResumed: () => {
        handler.onResumed();
        this.nodes.resumed();
      },
    });
    const channels: Channels = new Channels({
      clock,
      random,
      logger,
      counters: this.#counters,
      broker,
      durableLog: deps.durableLog,
      options,
    });
    this.nodes = new HubNodes(
      {
        clock,
        logger,
        nodeId: this.nodeId,
        facts: () => nodeFacts(this.#router, this.#startedAtMs),
        forOrg: (org) => this.forOrg(org),
        send: (text, to) => broker.sendControl(text, to),
        address: broker.address,
      },
      {
        announceIntervalMs: options.nodeAnnounceIntervalMs,
        expiryMs: options.nodeExpiryMs,
        max: options.nodesMax,
        askTimeoutMs: options.nodeAskTimeoutMs,
        messageMaxBytes: options.nodeMessageMaxBytes,
        pageBytes: options.nodePageBytes,
      },
    );
    this.#modules = new Modules({
      logger,
      namespaces,
      nodes: this.nodes,
      validator: deps.validator,
      durable,
    });
    const remembered = new MemoryCommands(clock, { ttlMs: options.idempotencyTtlMs }, deps.commands);
    const router: RouterDeps = {
      clock,
      random,
      logger,
      options,
      nodeId: this.nodeId,
      broker,
      authenticator: deps.authenticator,
      channels,
      clients: new Clients(clock, options, deps.quotasOf),
      namespaces,
      counters: this.#counters,
      events: new OrgEvents(clock, options.orgEventsMax),
      nodes: this.nodes,
      rpc: this.#modules.rpc,
      durableLog: deps.durableLog,
      commands: deps.commands ?? remembered,
      remembered,
      turns: new Turns(clock),
      tracer: deps.tracer,
    };
    this.#router = { ...router, subscriptions: new Subscriptions(router) };
    this.#sweep = every(clock, SWEEP_MS, () => {
      for (const session of this.#sessions) session.sweep();
    });
    for (const answer of [
      ...hubAnswers(() => ({ node: this.nodeId, ...nodeFacts(this.#router, this.#startedAtMs) })),
      ...CONNECTIONS.answers,
    ])
      this.nodes.register(answer);
    this.nodes.start();
  }

  get draining(): boolean {
    return this.#draining;
  }

  async use(module: Module): Promise<void> {
    const { clock, random, logger } = this.#deps;
    const context = {
      clock,
      random,
      logger: logger.child({ module: module.id }),
      nodeId: this.nodeId,
      forOrg: (org: string) => this.forOrg(org),
      stats: () => this.stats(),
      orgs: () => this.orgs(),
      nodes: this.nodes,
    };
    await this.#modules.register(await module.start(context));
  }

  accept(transport: Transport, link: Link): TransportHandlers {
    const connection = new Connection(
      this.#connectionDeps(link.profile),
      transport,
      link.codec,
      link.profile,
      {
        onDecoded: (decoded) => session.onDecoded(decoded),
        onDrained: () => session.onDrained(),
        onClosed: (code, reason, by) => session.onClosed(code, reason, by),
      },
    );
    const session = new Session(
      this.#router,
      connection,
      { request: link.request, principal: link.principal, plan: link.plan },
      (ended) => this.#sessions.delete(ended),
    );
    this.#sessions.add(session);
    session.start();
    return connection.handlers();
  }

  converse(transport: Transport, line: OpenLine): TransportHandlers {
    const { ping } = line.profile;
    const profile: LinkProfile =
      ping.kind === 'frame' ? { ...line.profile, ping: { ...ping, kind: 'transport' } } : line.profile;
    const connection = new Connection(this.#connectionDeps(profile), transport, LINE_CODEC, profile, {
      onDecoded: () => undefined,
      onFrame: (frame) => session.onFrame(frame),
      onDrained: () => session.onDrained(),
      onClosed: (code, reason, by) => session.onClosed(code, reason, by),
    });
    const session = new LineSession(this.#router, connection, line, (ended) => this.#sessions.delete(ended));
    this.#sessions.add(session);
    session.start();
    return connection.handlers();
  }

  #connectionDeps({ ping }: LinkProfile): ConnectionDeps {
    const wheel =
      ping.kind === 'none' || ping.intervalMs <= 0
        ? undefined
        : this.#heartbeats.wheel(ping.intervalMs, ping.pongTimeoutMs);
    return { clock: this.#deps.clock, counters: this.#counters, flushQueue: this.#flushQueue, wheel };
  }

  forOrg(org: string): OrgApi {
    let api = this.#orgApis.get(org);
    if (!api) {
      api = createOrgApi(this.#router, org);
      // A small cache of stateless objects; orgs are few, names of unknown ones cannot fill it.
      if (this.#orgApis.size < 10_000) this.#orgApis.set(org, api);
    }
    return api;
  }

  stats(): NodeStats {
    return nodeStats(this.#router, this.#startedAtMs);
  }

  orgs(): readonly string[] {
    return this.#router.clients.orgs();
  }

  namespaces(): readonly NamespaceOptions[] {
    return this.#router.namespaces.list();
  }

  endpoints(): readonly Endpoint[] {
    return [...this.#native, ...this.#modules.endpoints];
  }

  routes(): readonly RouteDescriptor[] {
    return this.#modules.routes;
  }

  async drain(options: DrainOptions): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    await drainSessions(this.#deps.clock, this.#sessions, options);
  }

  dispose(): Promise<void> {
    return (this.#disposing ??= this.#dispose());
  }

  async #dispose(): Promise<void> {
    this.#draining = true;
    this.#modules.close();
    this.#sweep.cancel();
    for (const session of [...this.#sessions]) session.close(closeOf('shutdown'));
    await this.nodes.dispose();
    await this.#modules.dispose();
    this.#router.subscriptions.dispose();
    this.#router.channels.dispose();
    this.#heartbeats.dispose();
    await this.#router.broker.dispose();
  }

  #onControl(text: string): void {
    if (isNodeMessage(text)) {
      this.nodes.receive(text);
      return;
    }
    const control = readControl(text);
    if (!control) {
      this.nodes.dropped();
      return;
    }
    const { message, reply } = control;
    applyControl(this.#router, message).then(
      (met) => reply && this.nodes.answerTo(reply.to, reply.id, message.org, met),
      (cause: unknown) => {
        this.#deps.logger.warn(
          { kind: message.kind, cause: cause instanceof CodedError ? cause.message : String(cause) },
          'control message failed',
        );
        if (reply) this.nodes.answerTo(reply.to, reply.id, message.org, 0);
      },
    );
  }
}
