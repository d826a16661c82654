/**
 * One short function per method of the contract: typed params in, the org's API asked, the contract's result out. The org is the
 * caller's and is never a parameter. Params were checked against the contract's schema before they come here; what a schema
 * cannot say (one of two fields) is checked here.
 */
import { paramsSchema, type RpcParams, type RpcResultOf } from '@trunkline/contracts';
import { nodeContract, type NodeContract } from '@trunkline/contracts/node';
import type { CallContext, ClientTarget, ModuleContext, OrgApi, RpcMethod, RpcOutcome } from '@trunkline/hub';
import { closeOf, CodedError, type Position } from '@trunkline/protocol';
import { isOperator, requireAdministrator, requireReadable, requireWritable } from './access.js';
import type { NodeModuleOptions } from './options.js';
import { toNamespace, toPresent, toPublication } from './results.js';
import type { StatsSampler } from './sampler.js';

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
const HISTORY_LIMIT = 100;

/** The module's methods, each behind the role check. */
export function createRoutes(
  context: ModuleContext,
  options: NodeModuleOptions,
  sampler: StatsSampler,
): Readonly<Record<Method, RpcMethod>> {
  const routes: { readonly [M in Method]: Route<M> } = {
    'node.info': (_params, org, { principal }) => {
      const { nodeId, startedAtMs } = context.stats();
      const { version, runtime } = options;
      const namespaces = options.namespaces().map(toNamespace);
      return {
        result: {
          nodeId,
          version,
          startedAtMs,
          runtime,
          org: org.org,
          user: principal.user,
          roles: principal.roles,
          namespaces,
        },
      };
    },
    'node.stats': async (_params, org, { principal }) => ({
      result: isOperator(principal) ? await sampler.ofNode() : sampler.ofOrg(org.org),
    }),
    'node.channels': ({ pattern, limit }, org) => ({
      result: { channels: org.channels(pattern, limit ?? CHANNELS_LIMIT) },
    }),
    'node.channel': async ({ channel }, org) => ({ result: await org.channel(channel) }),
    'node.connections': ({ client, user, limit, offset }, org) => ({
      result: org.connections({
        ...toTarget(client, user),
        limit: limit ?? CONNECTIONS_LIMIT,
        offset: offset ?? 0,
      }),
    }),
    'node.disconnect': async ({ client, user, reconnect }, org) => {
      const close = closeOf(reconnect === true ? 'forceReconnect' : 'forceDisconnect');
      return { result: { count: await org.disconnect(requireTarget(client, user), close) } };
    },
    'node.unsubscribe': async ({ channel, client, user }, org) => ({
      result: { count: await org.unsubscribe(channel, requireTarget(client, user)) },
    }),
    'node.publish': async (params, org) => {
      requireWritable(params.channel);
      const { position, deduplicated } = await publish(params, org);
      return { result: { position, deduplicated }, ...shownBy(params.channel, position) };
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
    'node.presence': async ({ channel }, org) => {
      const members = await org.presence(channel);
      return { result: { clients: Array.from(members, ([member, info]) => toPresent(member, info)) } };
    },
    'node.mapState': async ({ channel, cursor, limit }, org, { principal }) => {
      requireReadable(principal, channel);
      const page = await org.mapState(channel, {
        ...(cursor !== undefined && { cursor }),
        ...(limit !== undefined && { limit }),
      });
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

async function publish(
  params: RpcParams<NodeContract, 'node.publish'>,
  org: OrgApi,
): Promise<{ readonly position: Position; readonly deduplicated: boolean }> {
  const { channel, key, tags, idempotencyKey } = params;
  const settings = {
    ...(tags !== undefined && { tags }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
  if (params.removed === true) {
    if (key === undefined) throw new CodedError('badRequest', 'key must be given where removed is true');
    return org.mapRemove(channel, key, settings);
  }
  const data = JSON.stringify(params.data) as string | undefined;
  if (data === undefined) throw new CodedError('badRequest', 'data must be given');
  return key === undefined
    ? org.publish(channel, data, settings)
    : org.mapPublish(channel, key, data, settings);
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
