/** From a request that may be made to the function that answers it. */
import { REVIEWS, type ReviewKind } from '../access/reviews.js';
import { toDraft } from '../cluster/writer.js';
import { methodNotAllowed, noSuchResource } from '../model/status.js';
import { handleWatch } from '../watching/watch.js';
import { readJson } from './body.js';
import type { Exchange, Services } from './exchange.js';
import { handleList } from './list.js';
import {
  handleCreate,
  handleDelete,
  handleDeleteCollection,
  handleGet,
  handlePatch,
  handleUpdate,
} from './objects.js';
import { handlePodLog } from './pod-log.js';
import type { ResourceRequest } from './request-info.js';
import { handleAttach } from '../streaming/attach.js';
import { handleExec } from '../streaming/exec.js';
import { handlePortForward } from '../streaming/port-forward.js';
import { handleTokenRequest } from './token-request.js';

type Handler = (exchange: Exchange, services: Services) => void | Promise<void>;

const OBJECT_ROUTES: Readonly<Record<string, Handler>> = {
  get: handleGet,
  list: handleList,
  watch: handleWatch,
  create: handleCreate,
  update: handleUpdate,
  patch: handlePatch,
  delete: handleDelete,
  deletecollection: handleDeleteCollection,
};

/** Routes of subresources, by kind and name; `status` is there for every resource that has one. */
const SUBRESOURCES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  'Pod/log': { get: handlePodLog },
  'Pod/exec': { get: handleExec, create: handleExec },
  'Pod/attach': { get: handleAttach, create: handleAttach },
  'Pod/portforward': { get: handlePortForward, create: handlePortForward },
  'ServiceAccount/token': { create: handleTokenRequest },
};
const STATUS_ROUTES: Readonly<Record<string, Handler>> = {
  get: handleGet,
  update: handleUpdate,
  patch: handlePatch,
};

export function findReview({
  group,
  version,
  resource,
  name,
  subresource,
}: ResourceRequest): ReviewKind | undefined {
  if (name !== '' || subresource !== '') return undefined;
  return REVIEWS.find(
    (review) => review.group === group && review.version === version && review.resource === resource,
  );
}

export async function routeReview(
  exchange: Omit<Exchange, 'type'>,
  review: ReviewKind,
  { rbac, authenticator }: Services,
): Promise<void> {
  const { request, answer, info, user } = exchange;
  if (info.verb !== 'create') throw methodNotAllowed();
  const body = toDraft(await readJson(request, ['application/json']));
  const status = review.answer(body, user, { rbac, authenticator }, info.namespace);
  const apiVersion = `${review.group}/${review.version}`;
  answer.json(201, {
    kind: review.kind,
    apiVersion,
    metadata: { creationTimestamp: null },
    spec: body.spec ?? {},
    status,
  });
}

export async function routeObject(exchange: Exchange, services: Services): Promise<void> {
  const { info, type } = exchange;
  const { namespace, name, verb, subresource } = info;
  // A namespace is both what is asked for and where it is; other resources are either inside one or not.
  if (!type.namespaced && namespace !== '' && type.resource !== 'namespaces') throw noSuchResource();
  if (type.namespaced && namespace === '' && name !== '') throw noSuchResource();
  if (type.namespaced && namespace === '' && verb === 'create') throw methodNotAllowed();
  const routes = routesOf(type.kind, type.hasStatus, subresource);
  if (routes === undefined) throw noSuchResource();
  const handler = Object.hasOwn(routes, verb) ? routes[verb] : undefined;
  if (handler === undefined || ((verb === 'update' || verb === 'patch') && name === ''))
    throw methodNotAllowed();
  if (verb === 'create' && subresource === '' && name !== '') throw methodNotAllowed();
  // Cluster-scoped objects lie outside all namespaces, a namespace itself included.
  const scoped = type.namespaced ? info : { ...info, namespace: '' };
  await handler({ ...exchange, info: scoped }, services);
}

function routesOf(
  kind: string,
  hasStatus: boolean,
  subresource: string,
): Readonly<Record<string, Handler>> | undefined {
  if (subresource === '') return OBJECT_ROUTES;
  if (subresource === 'status') return hasStatus ? STATUS_ROUTES : undefined;
  return SUBRESOURCES[`${kind}/${subresource}`];
}
