/**
 * One short function per method of the contract, for connections and for HTTP alike: who asks comes from the credential, so does the org. Params were
 * checked against the contract's schema before they come here.
 */
import { paramsSchema, type RpcParams, type RpcResultOf } from '@trunkline/contracts';
import {
  directoryContract,
  type DirectoryContract,
  type DirectoryMethod,
} from '@trunkline/contracts/directory';
import type { ModuleContext, Principal, RouteDescriptor, RpcMethod, RpcOutcome } from '@trunkline/hub';
import { CodedError, type Position } from '@trunkline/protocol';
import { CHANGES, isOperator, requireAccess, type Access } from './access.js';
import type { Directory } from './directory.js';
import { ALL_ORGS } from './keys.js';
import { noUser } from './users.js';
import type { Actor } from './types.js';

type ReadonlyDeep<T> = T extends object ? { readonly [K in keyof T]: ReadonlyDeep<T[K]> } : T;
type Handle<M extends DirectoryMethod> = (
  params: RpcParams<DirectoryContract, M>,
  actor: Actor,
) => Promise<ReadonlyDeep<RpcResultOf<DirectoryContract, M>>>;
type Route<M extends DirectoryMethod> = readonly [Access, Handle<M>];

export interface RouteDeps {
  readonly directory: Directory;
  readonly context: Pick<ModuleContext, 'forOrg'>;
  /** The position of the last change published in the org, once it is published; undefined where there was none, or it failed. */
  readonly published: (org: string) => Promise<Position | undefined>;
}

export interface DirectoryRoutes {
  readonly rpc: Readonly<Record<DirectoryMethod, RpcMethod>>;
  readonly http: readonly RouteDescriptor[];
}

export function createRoutes(deps: RouteDeps): DirectoryRoutes {
  const { context, published } = deps;
  const routes = handlersOf(deps.directory);
  const methods = Object.keys(routes) as DirectoryMethod[];

  const call = async (method: DirectoryMethod, params: unknown, actor: Actor): Promise<RpcOutcome> => {
    const [access, handle] = routes[method] as Route<DirectoryMethod>;
    requireAccess(actor, access);
    const result = await (handle as (params: unknown, actor: Actor) => Promise<unknown>)(params ?? {}, actor);
    if (!changes(method)) return { result };
    const position = await published(actor.org);
    return { result, ...(position && position.offset > 0 ? { after: { channel: CHANGES, position } } : {}) };
  };

  const rpc = methods.map((method): readonly [DirectoryMethod, RpcMethod] => [
    method,
    {
      params: paramsSchema(directoryContract.rpc[method]),
      handle: (params, { principal, requestId, client, remoteAddress }) => {
        const connection =
          client === ''
            ? undefined
            : context.forOrg(principal.org).connections({ client, limit: 1 }).connections[0];
        return call(
          method,
          params,
          toActor(principal, requestId, remoteAddress ?? connection?.remoteAddress),
        );
      },
    },
  ]);

  const http = methods.map((method): RouteDescriptor => ({
    method: 'POST',
    path: `/directory/${method.slice('directory.'.length)}`,
    summary: directoryContract.rpc[method].summary,
    body: paramsSchema(directoryContract.rpc[method]),
    handle: async ({ principal, body, requestId, remoteAddress }) => {
      const { result } = await call(method, body, toActor(principal, requestId, remoteAddress));
      return { status: 200, headers: { 'cache-control': 'no-store' }, body: { result } };
    },
  }));
  return { rpc: Object.fromEntries(rpc) as Record<DirectoryMethod, RpcMethod>, http };
}

function handlersOf(directory: Directory): { readonly [M in DirectoryMethod]: Route<M> } {
  const { orgs, users, members, keys, secrets, invitations, sessions } = directory;
  return {
    'directory.me': [
      'known',
      async (_params, { user, org, roles }) => {
        const found = await users.find(user);
        const mine = found ? await users.orgsOf(user) : [];
        return {
          user,
          name: found?.name ?? user,
          email: found?.email ?? null,
          org,
          roles,
          operator: roles.includes('operator'),
          known: found !== undefined,
          orgs: mine,
        };
      },
    ],

    'directory.orgs': [
      'admin',
      async (params, actor) => {
        const { items, next } = await orgs.list(params, isOperator(actor) ? undefined : actor.org);
        return { orgs: items, ...withNext(next) };
      },
    ],
    'directory.createOrg': [
      'operator',
      async ({ id, idempotencyKey, ...fields }, actor) => ({
        org: (await orgs.create(actor, id, fields, idempotencyKey)).result,
      }),
    ],
    'directory.updateOrg': [
      'operator',
      async ({ id, idempotencyKey, ...fields }, actor) => ({
        org: (await orgs.update(actor, id, fields, idempotencyKey)).result,
      }),
    ],
    'directory.deleteOrg': [
      'operator',
      async ({ id, idempotencyKey }, actor) => (await orgs.remove(actor, id, idempotencyKey)).result,
    ],
    'directory.users': [
      'operator',
      async (params) => {
        const { items, next } = await users.list(params);
        return { users: items, ...withNext(next) };
      },
    ],
    'directory.user': [
      'operator',
      async ({ user: id }) => {
        const user = await users.find(id);
        if (!user) throw noUser();
        return { user, orgs: await users.orgsOf(id) };
      },
    ],
    'directory.updateUser': [
      'operator',
      async ({ user, idempotencyKey, ...changed }, actor) => {
        const { result } = await users.update(actor, user, changed, idempotencyKey);
        // Kept out here before the answer says so; other nodes follow.
        if (changed.disabled !== undefined) await directory.watch.refresh();
        return { user: result };
      },
    ],
    'directory.rotateSecrets': ['operator', ({ batch }, actor) => secrets.rotate(actor, batch)],

    'directory.members': [
      'admin',
      async (params, { org }) => {
        const { items, next } = await members.list(org, params);
        return { members: items, ...withNext(next) };
      },
    ],
    'directory.setMember': [
      'admin',
      async ({ user, roles, idempotencyKey }, actor) => ({
        member: (await members.set(actor, actor.org, user, roles, idempotencyKey)).result,
      }),
    ],
    'directory.removeMember': [
      'admin',
      async ({ user, idempotencyKey }, actor) =>
        (await members.remove(actor, actor.org, user, idempotencyKey)).result,
    ],
    'directory.groups': [
      'admin',
      async (params, { org }) => {
        const { items, next } = await members.groups(org, params);
        return { groups: items, ...withNext(next) };
      },
    ],
    'directory.setGroup': [
      'admin',
      async ({ name, members: users, idempotencyKey }, actor) => ({
        group: (await members.setGroup(actor, actor.org, name, users, idempotencyKey)).result,
      }),
    ],
    'directory.removeGroup': [
      'admin',
      async ({ name, idempotencyKey }, actor) =>
        (await members.removeGroup(actor, actor.org, name, idempotencyKey)).result,
    ],
    'directory.keys': [
      'admin',
      async (params, actor) => {
        const { items, next } = await keys.list(keyOrgs(actor), params);
        return { keys: items, ...withNext(next) };
      },
    ],
    'directory.createKey': [
      'admin',
      async ({ name, scopes = ['*'], allOrgs = false, expiresMs, idempotencyKey }, actor) => {
        if (allOrgs && !isOperator(actor))
          throw new CodedError('permissionDenied', 'allOrgs is for operators');
        return keys.create(
          actor,
          { org: allOrgs ? ALL_ORGS : actor.org, name, scopes, expiresMs },
          idempotencyKey,
        );
      },
    ],
    'directory.revokeKey': [
      'admin',
      async ({ id, idempotencyKey }, actor) => ({
        key: await keys.revoke(actor, keyOrgs(actor), id, idempotencyKey),
      }),
    ],
    'directory.secrets': [
      'admin',
      async (params, { org }) => {
        const { items, next } = await secrets.list(org, params);
        return { secrets: items, ...withNext(next) };
      },
    ],
    'directory.setSecret': [
      'admin',
      async ({ name, value, idempotencyKey }, actor) => ({
        secret: (await secrets.set(actor, actor.org, name, value, idempotencyKey)).result,
      }),
    ],
    'directory.removeSecret': [
      'admin',
      async ({ name, idempotencyKey }, actor) =>
        (await secrets.remove(actor, actor.org, name, idempotencyKey)).result,
    ],
    'directory.invitations': [
      'admin',
      async (params, { org }) => {
        const { items, next } = await invitations.list(org, params);
        return { invitations: items, ...withNext(next) };
      },
    ],
    'directory.invite': [
      'admin',
      ({ email, roles, ttlMs, idempotencyKey }, actor) =>
        invitations.create(actor, actor.org, { email, roles, ttlMs }, idempotencyKey),
    ],
    'directory.revokeInvitation': [
      'admin',
      async ({ id, idempotencyKey }, actor) =>
        (await invitations.revoke(actor, actor.org, id, idempotencyKey)).result,
    ],
    'directory.audit': [
      'admin',
      async ({ installation = false, ...filter }, actor) => {
        if (installation && !isOperator(actor))
          throw new CodedError('permissionDenied', 'installation is for operators');
        const { items, next } = await directory.audit(installation ? '' : actor.org, filter);
        return { records: items, ...withNext(next) };
      },
    ],

    'directory.sessions': [
      'known',
      async ({ user }, actor) => {
        if (user !== undefined && user !== actor.user) requireAccess(actor, 'operator');
        return { sessions: await sessions.list(user ?? actor.user) };
      },
    ],
    'directory.endSession': [
      'known',
      async ({ id }, actor) => {
        await sessions.end(actor, id, isOperator(actor) ? undefined : actor.user);
        return {};
      },
    ],
  };
}

/** Whose keys somebody sees. */
function keyOrgs(actor: Actor): readonly string[] {
  return isOperator(actor) ? [actor.org, ALL_ORGS] : [actor.org];
}

function toActor({ user, org, roles }: Principal, requestId: string, address = ''): Actor {
  return { user, org, roles, requestId, address };
}

function changes(method: DirectoryMethod): boolean {
  return 'idempotent' in directoryContract.rpc[method];
}

function withNext(next: string | undefined): { readonly next?: string } {
  return next === undefined ? {} : { next };
}
