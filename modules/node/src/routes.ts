/**
 * One short function per method of the contract: typed params in, the org's API asked, the contract's result out. The org is the
 * caller's and is never a parameter. Params were checked against the contract's schema before they come here; what a schema
 * cannot say (one of two fields) is checked here.
 */
import { paramsSchema, type RpcParams, type RpcResultOf } from '@trunkline/contracts';
import { nodeContract, type NodeContract } from '@trunkline/contracts/node';
import type { CallContext, ClientTarget, ModuleContext, OrgApi, RpcMethod, RpcOutcome } from '@trunkline/hub';
import { closeOf, CodedError, type Position } from '@trunkline/protocol';
import {
  isOperator,
  isReadable,
  requireAdministrator,
  requireOperator,
  requireReadable,
  requireWritable,
} from './access.js';
import { isFiltered, matches, subscriptionPage, toRow } from './connections.js';
import { explain } from './explain.js';
import { toEvent } from './feed.js';
import { namespaceFor, toNamespaces } from './namespaces.js';
import type { NodeModuleOptions, NodeTuning } from './options.js';
import type { ChannelPromise } from './promises.js';
import { toDetails, toLimits, toPresent, toPublication } from './results.js';
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
  readonly promiseOf: (channel: string) => ChannelPromise | undefined;
}

/** The module's methods, each behind the role check. */
export function createRoutes(deps: RouteDeps): Readonly<Record<Method, RpcMethod>> {
  const { context, options, tuning, sampler, promiseOf } = deps;
  const routes: { readonly [M in Method]: Route<M> } = {
    'node.info': (_params, org, { principal }) => {
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
        },
      };
    },
    'node.configuration': (_params, _org, { principal }) => {
      requireOperator(principal);
      return { result: { values: options.configuration() } };
    },
    'node.namespaces': (_params, org) => {
      const channels = org.channels(undefined, tuning.orgSampleChannels);
      return {
        result: {
          namespaces: toNamespaces(options.namespaces(), channels),
          complete: channels.length < tuning.orgSampleChannels,
        },
      };
    },
    'node.stats': async (_params, org, { principal }) => ({
      result: await (isOperator(principal) ? sampler.ofNode() : sampler.ofOrg(org.org)),
    }),
    'node.trend': (_params, org, { principal }) => ({
      result: isOperator(principal) ? sampler.nodeTrend() : sampler.orgTrend(org.org),
    }),
    'node.events': ({ client, user, channel, kinds, limit }, org) => ({
      result: {
        events: org
          .events({
            ...toTarget(client, user),
            ...(channel !== undefined && { channel }),
            ...(kinds !== undefined && { kinds }),
            limit: limit ?? EVENTS_LIMIT,
          })
          .map(toEvent),
      },
    }),
    'node.channels': ({ pattern, namespace, limit = CHANNELS_LIMIT }, org) => {
      if (namespace === undefined) return { result: { channels: org.channels(pattern, limit) } };
      const names = new Set(options.namespaces().map((one) => one.name));
      const channels = org
        .channels(pattern, tuning.orgSampleChannels)
        .filter((one) => namespaceFor(one.channel, names) === namespace);
      return { result: { channels: channels.slice(0, limit) } };
    },
    'node.channel': async ({ channel }, org) => {
      const promise = promiseOf(channel);
      return { result: { ...toDetails(await org.channel(channel)), ...(promise && { promise }) } };
    },
    'node.connections': ({ client, user, limit = CONNECTIONS_LIMIT, offset = 0, ...filter }, org) => {
      const target = toTarget(client, user);
      if (!isFiltered(filter)) {
        const { connections, total } = org.connections({ ...target, limit, offset });
        return { result: { connections: connections.map(toRow), total, complete: true } };
      }
      const { connections, total } = org.connections({ ...target, limit: tuning.searchedConnections });
      const found = connections.filter((one) => matches(one, filter));
      return {
        result: {
          connections: found.slice(offset, offset + limit).map(toRow),
          total: found.length,
          complete: total <= connections.length,
        },
      };
    },
    'node.connection': ({ client, search, limit = SUBSCRIPTIONS_LIMIT, offset = 0 }, org) => {
      const [connection] = org.connections({ client, limit: 1 }).connections;
      if (!connection) return { result: { subscriptions: [], total: 0 } };
      return {
        result: { connection: toRow(connection), ...subscriptionPage(connection, { search, limit, offset }) },
      };
    },
    'node.explain': async (params, org, { principal }) => {
      requireTarget(params.client, params.user);
      const context = {
        namespaces: toNamespaces(options.namespaces(), []),
        insecure: options.hub().insecure,
        readable: isReadable(principal, params.channel),
      };
      return { result: await explain(params, org, context) };
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
