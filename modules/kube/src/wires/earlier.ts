/**
 * What a list was at an earlier version, as far as it takes to tell a client of that version what has changed: which objects there were, and in which version each. Read from the API
 * server, which remembers for some minutes, in pages of metadata alone.
 */
import { KubeError, type KubeCluster, type KubeQuestion } from '@trunkline/kube-client';

export interface EarlierObject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly version: string;
}

/** By `namespace/name`, or name alone. */
export type EarlierList = ReadonlyMap<string, EarlierObject>;

export interface EarlierOptions {
  readonly maxObjects: number;
  readonly signal: AbortSignal;
}

const PAGE = 500;
/** A page of metadata is larger than this only where somebody makes it so. */
const PAGE_MAX_BYTES = 32 * 1_048_576;
const METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json';

/** Fails with `kubeExpired` where the API server has forgotten that version, and `kubeTooLarge` beyond `maxObjects`. */
export async function listEarlier(
  cluster: Pick<KubeCluster, 'request' | 'listSlots'>,
  question: KubeQuestion,
  version: string,
  { maxObjects, signal }: EarlierOptions,
): Promise<EarlierList> {
  return cluster.listSlots.run(async () => {
    const found = new Map<string, EarlierObject>();
    let token = '';
    do {
      const at =
        token === '' ? { resourceVersion: version, resourceVersionMatch: 'Exact' } : { continue: token };
      const page = await readPage(cluster, `${pathOf(question)}?${queryOf(question, at)}`, signal);
      for (const object of page.items) found.set(keyOf(object), object);
      if (found.size > maxObjects)
        throw new KubeError('kubeTooLarge', `more than ${maxObjects} objects (maxCompared)`);
      token = page.token;
    } while (token !== '');
    return found;
  }, signal);
}

async function readPage(
  cluster: Pick<KubeCluster, 'request'>,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly items: readonly EarlierObject[]; readonly token: string }> {
  const answer = await cluster.request({ path, headers: { accept: METADATA }, signal });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    bytes += chunk.length;
    if (bytes > PAGE_MAX_BYTES) throw new KubeError('kubeTooLarge', 'a page of metadata');
    chunks.push(chunk);
  }
  const body = parse(Buffer.concat(chunks).toString());
  if (answer.status < 200 || answer.status > 299) throw refusal(answer.status, body['message']);
  const { items, metadata } = body;
  // API servers write an empty list of metadata so.
  const found = items === null ? [] : items;
  if (!Array.isArray(found)) throw new KubeError('kubeBadAnswer', 'items: missing in a list');
  return { items: found.map(toEarlier), token: textOf(asFields(metadata)['continue']) };
}

function refusal(status: number, message: unknown): KubeError {
  const words = typeof message === 'string' ? message.slice(0, 1_000) : `status ${status}`;
  if (status === 410) return new KubeError('kubeExpired', words, { status, reason: 'Expired' });
  if (status === 403) return new KubeError('kubeForbidden', words, { status, reason: 'Forbidden' });
  return new KubeError(status >= 500 || status === 429 ? 'kubeServerError' : 'kubeRefused', words, {
    status,
  });
}

type Fields = Readonly<Record<string, unknown>>;

function parse(text: string): Fields {
  try {
    return asFields(JSON.parse(text));
  } catch {
    return {};
  }
}

function toEarlier(item: unknown): EarlierObject {
  const { namespace, name, uid, resourceVersion } = asFields(asFields(item)['metadata']);
  return {
    namespace: textOf(namespace),
    name: textOf(name),
    uid: textOf(uid),
    version: textOf(resourceVersion),
  };
}

function keyOf({ namespace, name }: EarlierObject): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

function pathOf({ group, version, resource, namespace }: KubeQuestion): string {
  const root = group === '' ? ['api', version] : ['apis', group, version];
  const scope = namespace === undefined ? [] : ['namespaces', namespace];
  return [...root, ...scope, resource].map((part) => `/${encodeURIComponent(part)}`).join('');
}

function queryOf(
  { labelSelector, fieldSelector }: KubeQuestion,
  more: Readonly<Record<string, string>>,
): string {
  return new URLSearchParams({
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    limit: String(PAGE),
    ...more,
  }).toString();
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
