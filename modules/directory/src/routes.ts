/**
 * One short function per method of the contract, for connections and for HTTP alike: who asks comes from the credential, so does the org. Params were
 * checked against the contract's schema before they come here.
 */
import { paramsSchema, resultSchema, type RpcParams, type RpcResultOf } from '@trunkline/contracts';
import {
  directoryContract,
  type DirectoryContract,
  type DirectoryMethod,
} from '@trunkline/contracts/directory';
import type { ModuleContext, Principal, RouteDescriptor, RpcMethod, RpcOutcome } from '@trunkline/hub';
import { CodedError, type Position } from '@trunkline/protocol';
import { CHANGES, isOperator, requireAccess, type Access } from './access.js';
import type { Committed } from './commits.js';
import type { Directory } from './directory.js';
import { ALL_ORGS } from './keys.js';
import { noUser } from './users.js';
import type { Actor } from './types.js';

type ReadonlyDeep<T> = T extends object ? { readonly [K in keyof T]: ReadonlyDeep<T[K]> } : T;
type Params<M extends DirectoryMethod> = RpcParams<DirectoryContract, M>;
type Result<M extends DirectoryMethod> = ReadonlyDeep<RpcResultOf<DirectoryContract, M>>;
/** Methods that the contract calls idempotent: they change something, and may be repeated under a key. */
type Changing = {
  [M in DirectoryMethod]: DirectoryContract['rpc'][M] extends { readonly idempotent: true } ? M : never;
}[DirectoryMethod];
type Shown<R> = { readonly result: R; readonly position?: Position };

type Read<M extends DirectoryMethod> = (params: Params<M>, actor: Actor) => Promise<Result<M>>;
type Change<M extends DirectoryMethod> = (
  params: Params<M>,
  actor: Actor,
  key: string | undefined,
) => Promise<Shown<Result<M>>>;
type Route<M extends DirectoryMethod> = readonly [Access, M extends Changing ? Change<M> : Read<M>];

export interface RouteDeps {
  readonly directory: Directory;
  readonly context: Pick<ModuleContext, 'forOrg'>;
}

export interface DirectoryRoutes {
  readonly rpc: Readonly<Record<DirectoryMethod, RpcMethod>>;
  readonly http: readonly RouteDescriptor[];
}

export function createRoutes({ directory, context }: RouteDeps): DirectoryRoutes {
  const routes = handlersOf(directory);
  const methods = Object.keys(routes) as DirectoryMethod[];

  const call = async (
    method: DirectoryMethod,
    params: Readonly<Record<string, unknown>>,
    actor: Actor,
    key: string | undefined,
  ): Promise<RpcOutcome> => {
    const [access, handle] = routes[method];
    requireAccess(actor, access);
    const idempotencyKey = key ?? keyOf(params);
    requireKeepable({ ...params, idempotencyKey });
    if (!isChanging(method)) return { result: await (handle as AnyRead)(params, actor) };
    const { result, position } = await (handle as AnyChange)(params, actor, idempotencyKey);
    return { result, ...(position && { after: { channel: CHANGES, position } }) };
  };

  const rpc = methods.map((method): readonly [DirectoryMethod, RpcMethod] => [
    method,
    {
      params: paramsSchema(directoryContract.rpc[method]),
      ...(isChanging(method) && { idempotent: 'own' as const }),
      handle: (params, { principal, requestId, client, remoteAddress, idempotencyKey }) => {
        const [connection] =
          client === '' ? [] : context.forOrg(principal.org).connections({ client, limit: 1 }).connections;
        const actor = toActor(principal, requestId, remoteAddress ?? connection?.remoteAddress);
        return call(method, (params ?? {}) as Readonly<Record<string, unknown>>, actor, idempotencyKey);
      },
    },
  ]);

  const http = methods.map((method): RouteDescriptor => ({
    method: 'POST',
    path: `/directory/${method.slice('directory.'.length)}`,
    summary: directoryContract.rpc[method].summary,
    body: paramsSchema(directoryContract.rpc[method]),
    response: answerSchema(method),
    handle: async ({ principal, body, requestId, remoteAddress }) => {
      const params = (body ?? {}) as Readonly<Record<string, unknown>>;
      const { result } = await call(method, params, toActor(principal, requestId, remoteAddress), undefined);
      return { status: 200, headers: { 'cache-control': 'no-store' }, body: { result } };
    },
  }));
  return { rpc: Object.fromEntries(rpc) as Record<DirectoryMethod, RpcMethod>, http };
}

type AnyRead = (params: unknown, actor: Actor) => Promise<unknown>;
type AnyChange = (params: unknown, actor: Actor, key: string | undefined) => Promise<Shown<unknown>>;

function handlersOf(directory: Directory): { readonly [M in DirectoryMethod]: Route<M> } {
  const { orgs, users, members, keys, secrets, invitations, sessions } = directory;
  return {
    'directory.me': [
      'known',
      async (_params, { user, org, roles, session }) => {
        const found = session === undefined ? undefined : await users.find(user);
        const mine = found ? await users.orgsOf(user) : [];
        return {
          user,
          name: found?.name ?? user,
          email: found?.email ?? null,
          org,
          roles,
          operator: roles.includes('operator'),
          known: found !== undefined,
          ...(session !== undefined && { session }),
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
      async ({ id, idempotencyKey: _, ...fields }, actor, key) =>
        under('org', await orgs.create(actor, id, fields, key)),
    ],
    'directory.updateOrg': [
      'operator',
      async ({ id, idempotencyKey: _, ...fields }, actor, key) =>
        under('org', await orgs.update(actor, id, fields, key)),
    ],
    'directory.deleteOrg': ['operator', ({ id }, actor, key) => orgs.remove(actor, id, key)],
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
      async ({ user, idempotencyKey: _, ...changed }, actor, key) => {
        const done = await users.update(actor, user, changed, key);
        // Kept out here before the answer says so; other nodes follow.
        if (changed.disabled !== undefined) await directory.watch.refresh();
        return under('user', done);
      },
    ],
    'directory.rotateSecrets': ['operator', ({ batch }, actor) => secrets.rotate(actor, batch)],
    'directory.secretKeys': ['operator', () => secrets.keys()],

    'directory.members': [
      'admin',
      async (params, { org }) => {
        const { items, next } = await members.list(org, params);
        return { members: items, ...withNext(next) };
      },
    ],
    'directory.setMember': [
      'admin',
      async ({ user, roles }, actor, key) =>
        under('member', await members.set(actor, actor.org, user, roles, key)),
    ],
    'directory.removeMember': [
      'admin',
      ({ user }, actor, key) => members.remove(actor, actor.org, user, key),
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
      async ({ name, members: of }, actor, key) =>
        under('group', await members.setGroup(actor, actor.org, name, of, key)),
    ],
    'directory.removeGroup': [
      'admin',
      ({ name }, actor, key) => members.removeGroup(actor, actor.org, name, key),
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
      async ({ name, scopes = ['*'], allOrgs = false, expiresMs }, actor, key) => {
        if (allOrgs && !isOperator(actor))
          throw new CodedError('permissionDenied', 'allOrgs is for operators');
        return keys.create(actor, { org: allOrgs ? ALL_ORGS : actor.org, name, scopes, expiresMs }, key);
      },
    ],
    'directory.rotateKey': [
      'admin',
      ({ id, overlapMs, expiresMs }, actor, key) =>
        keys.rotate(actor, keyOrgs(actor), id, { overlapMs, expiresMs }, key),
    ],
    'directory.revokeKey': [
      'admin',
      async ({ id }, actor, key) => under('key', await keys.revoke(actor, keyOrgs(actor), id, key)),
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
      async ({ name, value }, actor, key) =>
        under('secret', await secrets.set(actor, actor.org, name, value, key)),
    ],
    'directory.removeSecret': [
      'admin',
      ({ name }, actor, key) => secrets.remove(actor, actor.org, name, key),
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
      ({ email, roles, ttlMs }, actor, key) =>
        invitations.create(actor, actor.org, { email, roles, ttlMs }, key),
    ],
    'directory.revokeInvitation': [
      'admin',
      ({ id }, actor, key) => invitations.revoke(actor, actor.org, id, key),
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
      async ({ user, limit, after }, actor) => {
        const of = whose(user, actor);
        if (of === undefined) return { sessions: [] };
        const { items, next } = await sessions.list(of, { limit, after, current: actor.session });
        return { sessions: items, ...withNext(next) };
      },
    ],
    'directory.endSession': [
      'known',
      async ({ id }, actor) => {
        const of = isOperator(actor) ? undefined : whose(undefined, actor);
        if (of === undefined && !isOperator(actor)) throw new CodedError('notFound', 'session');
        await sessions.end(actor, id, of);
        return {};
      },
    ],
    'directory.endSessions': [
      'known',
      async ({ user }, actor) => {
        const of = whose(user, actor);
        if (of === undefined) return { ended: 0 };
        return { ended: await sessions.endAll(actor, of, user === undefined ? actor.session : undefined) };
      },
    ],
  };
}

/**
 * Whose sessions are meant: one's own where nobody is named, undefined for those who have none here. Only a session of this installation speaks for a
 * user of the directory: a token of a host application may name anybody.
 */
function whose(named: string | undefined, actor: Actor): string | undefined {
  const self = actor.session === undefined ? undefined : actor.user;
  if (named !== undefined && named !== self) requireAccess(actor, 'operator');
  return named ?? self;
}

/** Whose keys somebody sees. */
function keyOrgs(actor: Actor): readonly string[] {
  return isOperator(actor) ? [actor.org, ALL_ORGS] : [actor.org];
}

function toActor({ user, org, roles, session }: Principal, requestId: string, address = ''): Actor {
  return { user, org, roles, session, requestId, address };
}

/**
 * Throws `badRequest` naming the field: a text with a NUL, or with half a letter, cannot be kept as it is, and two of them might be kept as one. What is sealed
 * may hold a NUL.
 */
function requireKeepable(params: Readonly<Record<string, unknown>>): void {
  for (const [field, value] of Object.entries(params)) {
    const texts = [value].flat().filter((item) => typeof item === 'string');
    if (texts.some((text) => HALF_LETTER.test(text) || (field !== 'value' && text.includes('\u0000'))))
      throw new CodedError('badRequest', `${field} must be text without NUL and without half letters`);
  }
}

/** Half of a pair of UTF-16 units. */
const HALF_LETTER = /\p{Cs}/u;

function answerSchema(method: DirectoryMethod): object {
  return {
    type: 'object',
    properties: { result: resultSchema(directoryContract.rpc[method]) },
    required: ['result'],
  };
}

function isChanging(method: DirectoryMethod): method is Changing {
  return 'idempotent' in directoryContract.rpc[method];
}

/** Over HTTP the key is a param; on a connection it is in the envelope. */
function keyOf({ idempotencyKey }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof idempotencyKey === 'string' ? idempotencyKey : undefined;
}

/** The record of a change as the contract answers it. */
function under<N extends string, R>(
  name: N,
  { result, position }: Committed<R>,
): Shown<{ readonly [K in N]: R }> {
  return { result: { [name]: result } as { readonly [K in N]: R }, ...(position && { position }) };
}

function withNext(next: string | undefined): { readonly next?: string } {
  return next === undefined ? {} : { next };
}
