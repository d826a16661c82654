/**
 * One short function per method of the contract: typed params in, the org's API asked, the contract's result out. The org is the
 * caller's and is never a parameter. Params were checked against the contract's schema before they come here; what a schema
 * cannot say (one of two fields) is checked here.
 */
import { paramsSchema, type RpcParams, type RpcResultOf } from '@trunkline/contracts';
import { nodeContract, type NodeContract } from '@trunkline/contracts/node';
import {
  surveyChannels,
  surveyEvents,
  surveyNodes,
  surveyOrgNodes,
  type CallContext,
  type ClientTarget,
  type ModuleContext,
  type OrgApi,
  type RpcMethod,
  type RpcOutcome,
} from '@trunkline/hub';
import { closeOf, CodedError, type Position } from '@trunkline/protocol';
import {
  isOperator,
  isReadable,
  requireAdministrator,
  requireOperator,
  requireReadable,
  requireWritable,
} from './access.js';
import { EXPLAIN, READERS, type Elsewhere } from './elsewhere.js';
import { explain } from './explain.js';
import { toEvent } from './feed.js';
import { namespaceFor, toNamespaces } from './namespaces.js';
import type { NodeModuleOptions, NodeTuning } from './options.js';
import type { ChannelPromise } from './promises.js';
import { toDetails, toLimits, toNode, toPresent, toPublication } from './results.js';
import type { StatsSampler } from './sampler.js';
import { findEntry, publish } from './writing.js';

type Method = keyof NodeContract['rpc'];
type ReadonlyDeep<T> = T extends object ? { readonly [K in keyof T]: ReadonlyDeep<T[K]> } : T;

interface Outcome<M extends Method> extends RpcOutcome {
  readonly result: ReadonlyDeep<RpcResultOf<NodeContract, M>>;
}

type Route<M extends Method> = (
  params: RpcParams<NodeContract, M>,
  org: OrgApi,
  call: CallContext,
) => Promise<Outcome<M>> | Outcome<M>;

/** What the lists return when the caller does not say. */
const CHANNELS_LIMIT = 1_000;
const CONNECTIONS_LIMIT = 100;
const SUBSCRIPTIONS_LIMIT = 100;
const EVENTS_LIMIT = 100;
const PRESENCE_LIMIT = 200;
const HISTORY_LIMIT = 100;

export interface RouteDeps {
  readonly context: ModuleContext;
  readonly options: NodeModuleOptions;
  readonly tuning: NodeTuning;
  readonly sampler: StatsSampler;
  readonly elsewhere: Elsewhere;
  readonly promiseOf: (channel: string) => ChannelPromise | undefined;
}

/** The module's methods, each behind the role check. */
export function createRoutes(deps: RouteDeps): Readonly<Record<Method, RpcMethod>> {
  const { context, options, tuning, sampler, elsewhere, promiseOf } = deps;
  const routes: { readonly [M in Method]: Route<M> } = {
    'node.info': async (_params, org, { principal }) => {
      const { found, incomplete } = await (isOperator(principal)
        ? surveyNodes(context.nodes)
        : surveyOrgNodes(org));
      const { nodeId, startedAtMs } = context.stats();
      const { version, runtime } = options;
      const { user, roles } = principal;
      const endpoints = options.endpoints().map(({ id, path, transport }) => ({ id, path, transport }));
      const { insecure } = options.hub();
      const limits = toLimits(options.hub());
      return {
        result: {
          nodeId,
          version,
          startedAtMs,
          runtime,
          org: org.org,
          user,
          roles,
          endpoints,
          limits,
          insecure,
          nodes: found.map(toNode),
          incomplete,
        },
      };
    },
    'node.configuration': (_params, _org, { principal }) => {
      requireOperator(principal);
      return { result: { values: options.configuration() } };
    },
    'node.namespaces': async (_params, org) => {
      const { channels, incomplete } = await surveyChannels(org, undefined, tuning.orgSampleChannels);
      return {
        result: {
          namespaces: toNamespaces(options.namespaces(), channels),
          complete: channels.length < tuning.orgSampleChannels && incomplete.length === 0,
        },
      };
    },
    'node.stats': async (_params, org, { principal }) => ({
      result: await (isOperator(principal) ? sampler.ofNode() : sampler.ofOrg(org.org)),
    }),
    'node.trend': async (_params, org, { principal }) => ({
      result: isOperator(principal) ? sampler.nodeTrend() : await sampler.orgTrend(org.org),
    }),
    'node.events': async ({ client, user, channel, kinds, node, limit }, org) => {
      const filter = {
        ...toTarget(client, user),
        ...(channel !== undefined && { channel }),
        ...(kinds !== undefined && { kinds }),
        limit: limit ?? EVENTS_LIMIT,
      };
      const { events, incomplete } = await surveyEvents(org, filter, node);
      return { result: { events: events.map(toEvent), incomplete } };
    },
    'node.channels': async ({ pattern, namespace, limit = CHANNELS_LIMIT }, org) => {
      if (namespace === undefined) return { result: await surveyChannels(org, pattern, limit) };
      const names = new Set(options.namespaces().map((one) => one.name));
      const { channels, incomplete } = await surveyChannels(org, pattern, tuning.orgSampleChannels);
      const found = channels.filter((one) => namespaceFor(one.channel, names) === namespace);
      return { result: { channels: found.slice(0, limit), incomplete } };
    },
    'node.channel': async ({ channel }, org) => {
      const promise = promiseOf(channel);
      const details = toDetails(await org.channel(channel));
      const { replies } = await org.ask(READERS, channel, { nodes: 'others' });
      const elsewhere = replies.reduce((sum, { answer }) => sum + answer, 0);
      return {
        result: { ...details, subscribers: details.subscribers + elsewhere, ...(promise && { promise }) },
      };
    },
    'node.connections': async ({ limit = CONNECTIONS_LIMIT, offset = 0, ...query }, org) => {
      const { client, user, ...filter } = query;
      const page = { limit, offset };
      const { items, ...more } = await elsewhere.connections.page(
        context.nodes,
        org,
        { ...toTarget(client, user), ...filter },
        page,
      );
      return { result: { connections: items.map(({ node, item }) => ({ ...item, node })), ...more } };
    },
    'node.connection': async ({ client, search, limit = SUBSCRIPTIONS_LIMIT, offset = 0 }, org) => {
      const question = { client, limit, offset, ...(search !== undefined && { search }) };
      return { result: await elsewhere.connection(org, question) };
    },
    'node.explain': async (params, org, { principal }) => {
      requireTarget(params.client, params.user);
      const context = {
        namespaces: toNamespaces(options.namespaces(), []),
        insecure: options.hub().insecure,
        readable: isReadable(principal, params.channel),
      };
      return { result: await explain(params, org, context, EXPLAIN) };
    },
    'node.disconnect': async ({ client, user, reconnect }, org) => {
      const close = closeOf(reconnect === true ? 'forceReconnect' : 'forceDisconnect');
      return { result: { count: await org.disconnect(requireTarget(client, user), close) } };
    },
    'node.unsubscribe': async ({ channel, client, user }, org) => ({
      result: { count: await org.unsubscribe(channel, requireTarget(client, user)) },
    }),
    'node.publish': async (params, org) => {
      requireWritable(params.channel);
      const { position, deduplicated, ...map } = await publish(params, org);
      const { applied = true, current } = map;
      return {
        result: { position, deduplicated, applied, ...(current && { current: toPublication(current) }) },
        ...(applied && shownBy(params.channel, position)),
      };
    },
    'node.history': async ({ channel, limit, since, reverse }, org, { principal }) => {
      requireReadable(principal, channel);
      const filter = {
        limit: limit ?? HISTORY_LIMIT,
        ...(since !== undefined && { since }),
        ...(reverse !== undefined && { reverse }),
      };
      const { publications, position } = await org.history(channel, filter);
      return { result: { publications: publications.map(toPublication), position } };
    },
    'node.presence': async ({ channel, limit = PRESENCE_LIMIT, offset = 0 }, org) => {
      const members = Array.from(await org.presence(channel), ([member, info]) => ({ member, info }));
      members.sort(
        (left, right) => compare(left.info.user, right.info.user) || compare(left.member, right.member),
      );
      return {
        result: {
          clients: members.slice(offset, offset + limit).map(({ member, info }) => toPresent(member, info)),
          total: members.length,
          users: new Set(members.map(({ info }) => info.user).filter((user) => user !== '')).size,
        },
      };
    },
    'node.mapState': async ({ channel, key, cursor, limit }, org, { principal }) => {
      requireReadable(principal, channel);
      const page =
        key === undefined
          ? await org.mapState(channel, {
              ...(cursor !== undefined && { cursor }),
              ...(limit !== undefined && { limit }),
            })
          : await findEntry(org, channel, key);
      return {
        result: { entries: page.entries.map(toPublication), cursor: page.cursor, position: page.position },
      };
    },
  };
  return Object.fromEntries(
    Object.entries(routes).map(([method, route]) => [
      method,
      bind(method as Method, route as Route<Method>, context),
    ]),
  ) as Record<Method, RpcMethod>;
}

/** The role check comes first, and the org out of the credential. */
function bind(method: Method, route: Route<Method>, context: ModuleContext): RpcMethod {
  return {
    params: paramsSchema(nodeContract.rpc[method]),
    handle: (params, call) => {
      requireAdministrator(call.principal);
      return route(
        (params ?? {}) as RpcParams<NodeContract, Method>,
        context.forOrg(call.principal.org),
        call,
      );
    },
  };
}

/** A channel that numbers nothing shows its effect nowhere to wait for. */
function shownBy(channel: string, position: Position): Pick<RpcOutcome, 'after'> {
  return position.offset === 0 ? {} : { after: { channel, position } };
}

function toTarget(client: string | undefined, user: string | undefined): ClientTarget {
  return { ...(client !== undefined && { client }), ...(user !== undefined && { user }) };
}

/** An empty target would name everybody. */
function requireTarget(client: string | undefined, user: string | undefined): ClientTarget {
  if (client === undefined && user === undefined)
    throw new CodedError('badRequest', 'client or user must be given');
  return toTarget(client, user);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
