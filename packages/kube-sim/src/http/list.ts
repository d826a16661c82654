/**
 * LIST: which state is read (the newest, one of the past, or that of a continue token), which part of it, and writing it in slices that
 * wait for the reader, so that a list of any size neither fills memory nor holds the event loop.
 */
import { inNamespace, lowerBound, type Collection } from '../cluster/collection.js';
import type { Stored } from '../cluster/stored.js';
import { badRequest, expired, tooLargeVersion, tooOldVersion } from '../model/status.js';
import type { Answer } from './answer.js';
import type { Exchange, Services } from './exchange.js';
import { parseListOptions, type ListOptions } from './list-options.js';
import { chooseRepresentation, type ListMeta, type Representation } from './representation.js';
import { selectionOf, type Selection } from './selection.js';

/** Text gathered before it is written; a slice takes about a millisecond to make. */
const SLICE_CHARS = 128 * 1024;

interface Page {
  readonly items: readonly Stored[];
  readonly meta: ListMeta;
}

export async function handleList(
  exchange: Exchange,
  { cluster, clock, options: sim }: Services,
): Promise<void> {
  const { request, answer, type, info, query } = exchange;
  const options = parseListOptions(query, false, sim.watchList);
  const selection = selectionOf(type, info.namespace, options);
  const representation = chooseRepresentation(request.headers.accept, type, query, clock);
  const page = readPage(cluster.collection(type), cluster.version, options, selection);
  await writeList(answer, representation, page);
}

/** Head and body. The head waits for the first slice, whose length decides about compression. */
export async function writeList(
  answer: Answer,
  representation: Representation,
  { items, meta }: Page,
): Promise<void> {
  const isEmpty = items.length === 0;
  let text = representation.listHead(meta, isEmpty);
  for (const [index, item] of items.entries()) {
    text += index === 0 ? representation.listItem(item) : `,${representation.listItem(item)}`;
    if (text.length < SLICE_CHARS) continue;
    if (!answer.headSent) answer.head(200, {}, Buffer.byteLength(text));
    if (!answer.write(text)) await answer.drained();
    if (answer.over) return;
    text = '';
  }
  text += representation.listTail(isEmpty);
  if (!answer.headSent) answer.head(200, {}, Buffer.byteLength(text));
  answer.write(text);
  answer.end();
}

function readPage(collection: Collection, current: number, options: ListOptions, selection: Selection): Page {
  const start = options.continueToken === '' ? undefined : readToken(options.continueToken);
  const { version, state } =
    start === undefined ? firstState(collection, current, options) : laterState(collection, current, start);
  const all = inNamespace(state, selection.namespace);
  const items: Stored[] = [];
  // A version of 0 was answered from the watch cache, which did not know limits.
  const limit =
    options.limit === 0 || (options.resourceVersion === 0 && start === undefined) ? Infinity : options.limit;
  for (let at = start === undefined ? 0 : lowerBound(all, start.key); at < all.length; at++) {
    const stored = all[at];
    if (stored === undefined || !selection.matches(stored)) continue;
    if (items.length === limit) {
      if (version === current || start === undefined) collection.keepSnapshot(version, state);
      const remaining = selection.selective ? {} : { remainingItemCount: all.length - at };
      const token = writeToken({ version, key: stored.key });
      return { items, meta: { resourceVersion: String(version), continue: token, ...remaining } };
    }
    items.push(stored);
  }
  return { items, meta: { resourceVersion: String(version) } };
}

interface State {
  readonly version: number;
  readonly state: readonly Stored[];
}

function firstState(
  collection: Collection,
  current: number,
  { resourceVersion, match, limit }: ListOptions,
): State {
  if (resourceVersion !== undefined && resourceVersion > current)
    throw tooLargeVersion(resourceVersion, current);
  // Without a rule, a limit with a version asks for exactly that version.
  const exact = match === 'Exact' || (match === undefined && limit > 0 && (resourceVersion ?? 0) > 0);
  if (!exact || resourceVersion === undefined) return { version: current, state: collection.sorted() };
  const state = collection.sortedAt(resourceVersion);
  if (state === undefined) throw tooOldVersion(resourceVersion, collection.log.floor);
  return { version: resourceVersion, state };
}

function laterState(collection: Collection, current: number, token: Token): State {
  if (token.version < 0) return { version: current, state: collection.sorted() };
  const state = collection.snapshotAt(token.version);
  if (state !== undefined) return { version: token.version, state };
  throw expired(
    'The provided continue parameter is too old to display a consistent list result. Start a new list without it, or use the token of this response for the rest of an inconsistent one.',
    writeToken({ version: -1, key: token.key }),
  );
}

interface Token {
  /** -1: whatever is newest, consistent or not. */
  readonly version: number;
  readonly key: string;
}

function writeToken({ version, key }: Token): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start: key })).toString('base64url');
}

function readToken(text: string): Token {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as {
      rv?: unknown;
      start?: unknown;
    } | null;
    if (typeof token?.rv === 'number' && typeof token.start === 'string')
      return { version: token.rv, key: token.start };
  } catch {
    // Answered below like any other token that is not ours.
  }
  throw badRequest('continue key is not valid: it was not made by this server');
}
