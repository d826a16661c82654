/** Single objects: get, create, update, patch, delete, and deleting many. Parses what the client sent; the rules are the writer's. */
import { inNamespace } from '../cluster/collection.js';
import { Stored } from '../cluster/stored.js';
import { toDraft, type DeleteOptions, type WriteOptions } from '../cluster/writer.js';
import { isObject, objectKey, read, type KubeObject } from '../model/objects.js';
import { badRequest, notFound, successStatus } from '../model/status.js';
import { jsonPatch, mergePatch } from '../query/patch.js';
import { mediaType, readJson } from './body.js';
import type { Exchange, Services } from './exchange.js';
import { parseListOptions } from './list-options.js';
import { writeList } from './list.js';
import { chooseRepresentation } from './representation.js';
import { selectionOf } from './selection.js';

const JSON_TYPES = ['application/json'];
const MERGE = 'application/merge-patch+json';
const PATCHES: Readonly<Record<string, (target: unknown, patch: unknown) => unknown>> = {
  [MERGE]: mergePatch,
  'application/json-patch+json': jsonPatch,
};
/** Kinds whose deletion answers with the object; others answer with a Status once they are gone. */
const RETURNED = new Set([
  'Pod',
  'Namespace',
  'PersistentVolumeClaim',
  'ServiceAccount',
  'ReplicationController',
]);

export function handleGet(exchange: Exchange, { cluster, clock }: Services): void {
  const { answer, type, info, request, query } = exchange;
  const representation = chooseRepresentation(request.headers.accept, type, query, clock);
  const stored = cluster.get(type, info.namespace, info.name);
  if (stored === undefined) throw notFound(type, info.name);
  answer.json(200, representation.one(stored, true));
}

export async function handleCreate(exchange: Exchange, services: Services): Promise<void> {
  const { request, type, info } = exchange;
  const body = toDraft(await readJson(request, JSON_TYPES));
  show(exchange, services, 201, services.writer.create(type, info.namespace, body, writeOptions(exchange)));
}

export async function handleUpdate(exchange: Exchange, services: Services): Promise<void> {
  const { request, type, info } = exchange;
  const body = toDraft(await readJson(request, JSON_TYPES));
  const options = writeOptions(exchange);
  show(
    exchange,
    services,
    200,
    services.writer.change(type, info.namespace, info.name, () => body, part(exchange), options),
  );
}

export async function handlePatch(exchange: Exchange, services: Services): Promise<void> {
  const { request, type, info } = exchange;
  const body = await readJson(request, Object.keys(PATCHES));
  const apply = PATCHES[mediaType(request)];
  if (apply === undefined || body === undefined)
    throw badRequest(`a patch has a body and a Content-Type of ${Object.keys(PATCHES).join(' or ')}`);
  if (apply === mergePatch && !isObject(body)) throw badRequest('a merge patch is a JSON object');
  const change = (current: KubeObject): ReturnType<typeof toDraft> => toDraft(apply(current, body));
  const options = writeOptions(exchange);
  show(
    exchange,
    services,
    200,
    services.writer.change(type, info.namespace, info.name, change, part(exchange), options),
  );
}

export async function handleDelete(exchange: Exchange, services: Services): Promise<void> {
  const { answer, type, info } = exchange;
  const { object, gone } = services.writer.delete(
    type,
    info.namespace,
    info.name,
    await deleteOptions(exchange),
  );
  if (gone && !RETURNED.has(type.kind)) {
    const { uid } = object.metadata;
    const group = type.group === '' ? {} : { group: type.group };
    answer.json(
      200,
      successStatus({
        name: info.name,
        ...group,
        kind: type.resource,
        ...(uid === undefined ? {} : { uid }),
      }),
    );
  } else show(exchange, services, 200, object);
}

/** Deletes what the selectors match, one by one; answers with the list of what was deleted. */
export async function handleDeleteCollection(exchange: Exchange, services: Services): Promise<void> {
  const { answer, type, info, request, query } = exchange;
  const { cluster, writer, clock, options: sim } = services;
  const representation = chooseRepresentation(request.headers.accept, type, query, clock);
  const selection = selectionOf(type, info.namespace, parseListOptions(query, false, sim.watchList));
  const options = await deleteOptions(exchange);
  const items = inNamespace(cluster.collection(type).sorted(), selection.namespace).filter((stored) =>
    selection.matches(stored),
  );
  for (const { object, key } of items)
    if (cluster.collection(type).get(key) !== undefined)
      writer.delete(type, object.metadata.namespace ?? '', object.metadata.name, options);
  await writeList(answer, representation, { items, meta: { resourceVersion: String(cluster.version) } });
}

function part({ info }: Exchange): '' | 'status' {
  return info.subresource === 'status' ? 'status' : '';
}

function show(
  { answer, type, request, query }: Exchange,
  { clock }: Services,
  code: number,
  object: KubeObject,
): void {
  const representation = chooseRepresentation(request.headers.accept, type, query, clock);
  const { namespace = '', name, resourceVersion = '0' } = object.metadata;
  answer.json(
    code,
    representation.one(new Stored(objectKey(namespace, name), object, Number(resourceVersion)), true),
  );
}

function writeOptions({ query, request }: Exchange): WriteOptions {
  const agent = request.headers['user-agent']?.split('/')[0];
  return { manager: query.get('fieldManager') ?? agent ?? 'unknown', dryRun: query.get('dryRun') === 'All' };
}

async function deleteOptions({ request, query }: Exchange): Promise<DeleteOptions> {
  const body = (await readJson(request, JSON_TYPES)) ?? {};
  if (!isObject(body)) throw badRequest('DeleteOptions is a JSON object');
  const grace = read(body, 'gracePeriodSeconds') ?? query.get('gracePeriodSeconds') ?? undefined;
  if (grace !== undefined && !/^\d{1,9}$/.test(String(grace as string)))
    throw badRequest('gracePeriodSeconds must be a whole number of at least 0');
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return {
    gracePeriodSeconds: grace === undefined ? undefined : Number(grace),
    uid: text(read(body, 'preconditions', 'uid')),
    resourceVersion: text(read(body, 'preconditions', 'resourceVersion')),
    dryRun:
      query.get('dryRun') === 'All' || (Array.isArray(body['dryRun']) && body['dryRun'].includes('All')),
  };
}
