/**
 * A list of all namespaces for somebody who may see it in some: the lists of these, one after the other in one document. All of them are read at one version of the cluster, so that the document is a state
 * that it was in, and a watch from that version misses nothing.
 */
import type { RouteResponse } from '@trunkline/hub';
import { KubeError, type KubeAnswer, type KubeCluster } from '@trunkline/kube-client';
import type { Sight } from '../ports.js';
import { bounded, headersOf, pass } from './answers.js';
import { openPart, type ListHead, type ListPart } from './list-parts.js';
import { pathOf, type Target } from './target.js';
import type { Passage } from './under-way.js';

export interface UnionOptions {
  readonly maxAnswerBytes: number;
  /** Lists that are asked for before their turn has come, and the one that is read. */
  readonly maxPartsAtOnce: number;
}

export interface Union {
  readonly own: Pick<KubeCluster, 'request'>;
  readonly target: Target;
  readonly sight: Sight & { readonly kind: 'namespaces' };
  /** What is accepted of the caller's `Accept`: JSON of some form. */
  readonly accept: string;
}

/**
 * What of an `Accept` header asks for JSON, in its order; undefined where nothing does: other forms cannot be put together here.
 */
export function jsonOffers(accept: string | undefined): string | undefined {
  const offers = (accept ?? '*/*').split(',').flatMap((offer) => {
    const [type = ''] = offer.trim().split(/\s*;/);
    if (/^application\/json$/i.test(type)) return [offer.trim()];
    return /^(\*|application)\/\*$/i.test(type) ? ['application/json'] : [];
  });
  return offers.length === 0 ? undefined : offers.join(', ');
}

/** Throws what the first list is refused with, and what happens to the second before it begins; what happens after that cuts the answer. */
export async function readUnion(
  { own, target, sight, accept }: Union,
  options: UnionOptions,
  { signal, release }: Passage,
): Promise<RouteResponse> {
  const { query } = target;
  // A token of a list of which this is none any more.
  if (query.get('continue'))
    throw new KubeError('kubeExpired', 'other namespaces may be seen now: list again');
  // A page is as long as the server likes it (API conventions: a limit may be ignored), and tokens would be of one namespace each.
  query.delete('limit');
  query.delete('continue');
  // Any version will do, and a cache may have one of which the cluster keeps no other list any more.
  if (query.get('resourceVersion') === '0' && query.get('resourceVersionMatch') !== 'Exact')
    for (const field of ['resourceVersion', 'resourceVersionMatch']) query.delete(field);
  const [first = '', ...after] = [...sight.namespaces].sort();
  const ask = (namespace: string, at: URLSearchParams): Promise<KubeAnswer> =>
    own.request({ path: partPath(target, namespace, at), headers: { accept }, signal });
  const answer = await ask(first, query);
  if (answer.status !== 200) return pass(answer, options.maxAnswerBytes, release);
  const { etag: _, ...headers } = headersOf(answer, options.maxAnswerBytes);
  const part = await openPart(answer);
  const at = atVersion(query, part.head.version);
  const later = after.map((namespace) => async (): Promise<ListPart> => {
    const found = await ask(namespace, at);
    if (found.status === 200) return openPart(found);
    found.discard();
    const kind = found.status === 410 ? 'kubeExpired' : 'kubeServerError';
    throw new KubeError(kind, `namespace ${namespace}: status ${found.status}`);
  });
  const [second, ...others] = later;
  const opened = options.maxPartsAtOnce > 1 ? second?.() : undefined;
  try {
    // Whether the cluster keeps lists of that version, and the server knows what is asked: said while it can be.
    await opened;
  } catch (cause) {
    part.discard();
    throw cause;
  }
  const rest = opened === undefined ? later : [() => opened, ...others];
  const ours = `299 - ${quoted(partWords(sight))}`;
  const warning = headers['warning'] === undefined ? ours : `${headers['warning']}, ${ours}`;
  const body = document(part, rest, options.maxPartsAtOnce);
  return {
    status: 200,
    headers: { ...headers, warning },
    stream: bounded(body, options.maxAnswerBytes, release),
  };
}

function partPath({ segments }: Target, namespace: string, query: URLSearchParams): string {
  const resource = segments.at(-1) ?? '';
  return pathOf([...segments.slice(0, -1), 'namespaces', namespace, resource], query);
}

/**
 * The others are read as they were at the version of the first. A watch from there begins where each of them ends, on the wires of this server as on the API server's own. With lists of
 * different versions it would not: where a watch begins with a comparison to the list of the smallest version, what came after that version into one of the lists, and went before the comparison,
 * would never be taken away. Versions that are no numbers cannot be asked for: then each is as new as it comes, and the document has none.
 */
function atVersion(query: URLSearchParams, version: string): URLSearchParams {
  const at = new URLSearchParams(query);
  if (!isNumber(version)) return at;
  at.set('resourceVersion', version);
  at.set('resourceVersionMatch', 'Exact');
  return at;
}

function isNumber(version: string): boolean {
  return /^[1-9]\d*$/.test(version);
}

async function* document(
  first: ListPart,
  later: readonly (() => Promise<ListPart>)[],
  atOnce: number,
): AsyncGenerator<Uint8Array> {
  const { head } = first;
  const opened: Promise<ListPart>[] = [Promise.resolve(first)];
  const openUpTo = (count: number): void => {
    for (const open of later.slice(opened.length - 1, count - 1)) {
      const part = open();
      // Whoever comes to it is told.
      part.catch(() => undefined);
      opened.push(part);
    }
  };
  try {
    yield Buffer.from(beginning(head));
    let isEmpty = true;
    for (let index = 0; index <= later.length; index++) {
      openUpTo(index + atOnce);
      const part = (await opened[index]) as ListPart;
      if (part.head.kind !== head.kind)
        throw new KubeError('kubeBadAnswer', `kind: ${part.head.kind} among ${head.kind}`);
      let isBegun = false;
      for await (const piece of part.items) {
        const bytes = isBegun ? piece : withoutSpace(piece);
        if (bytes.length === 0) continue;
        if (!isBegun && !isEmpty) yield COMMA;
        [isBegun, isEmpty] = [true, false];
        yield bytes;
      }
    }
    yield END;
  } finally {
    for (const part of opened) void part.then(({ discard }) => discard()).catch(() => undefined);
  }
}

const COMMA = Buffer.from(',');
const END = Buffer.from(']}\n');

function beginning({ kind, apiVersion, version, columns }: ListHead): string {
  const metadata = isNumber(version) ? { resourceVersion: version } : {};
  const isTable = kind === 'Table';
  const fields = { kind, apiVersion, metadata, ...(isTable ? { columnDefinitions: columns ?? [] } : {}) };
  return `${JSON.stringify(fields).slice(0, -1)},"${isTable ? 'rows' : 'items'}":[`;
}

function withoutSpace(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < bytes.length && [0x20, 0x0a, 0x0d, 0x09].includes(bytes[at] as number)) at++;
  return bytes.subarray(at);
}

/** Longest list of names that is told, and longest text of a warning. */
const NAMES_MAX = 20;
const WORDS_MAX = 1_000;

function partWords({ namespaces, reason }: Union['sight']): string {
  const more = namespaces.length > NAMES_MAX ? ` and ${namespaces.length - NAMES_MAX} more` : '';
  return `only namespaces ${namespaces.slice(0, NAMES_MAX).join(', ')}${more}: ${reason}`;
}

/** A text in the form of RFC 9110 section 5.6.4, in ASCII. */
function quoted(words: string): string {
  const plain = words.replace(/[^\x20-\x7e]/g, '?').slice(0, WORDS_MAX);
  return `"${plain.replace(/["\\]/g, '\\$&')}"`;
}
