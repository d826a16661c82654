/**
 * Lists: one page, and all pages of one state of the cluster. API servers name the next page in front of the objects of this one, so that it can be asked for while these are looked through: the
 * server writes one page while this side reads the one before.
 */
import { inTurns, linkAbort, NEVER } from '../abort.js';
import { KubeError } from '../errors.js';
import { selectorsOf, toPath, toQuery, type KubeQuestion } from '../question.js';
import { toKnownObject, type KubeObject } from '../wire/object.js';
import { scanContinue, scanList, type PruneOptions } from '../wire/scan.js';
import type { Exchange } from './exchange.js';

export interface ListOptions {
  /** Objects per page; 0 for all at once. Default: the cluster's `pageSize`. */
  readonly limit?: number;
  /** Token of the page before. */
  readonly continue?: string;
  /** Further attempts where the answer says `Retry-After`. Default: the cluster's `retries`. */
  readonly retries?: number;
  readonly prune?: PruneOptions;
  /** Objects that the caller has, by key: an item of the same uid and version is answered with that object. Default: none. */
  readonly known?: (key: string) => KubeObject | undefined;
  readonly signal?: AbortSignal;
}

export interface ListAllOptions extends Omit<ListOptions, 'continue'> {
  /** More objects, or more bytes of their JSON, fail with `kubeTooLarge`. Default: no bound but that of a page. */
  readonly maxObjects?: number;
  readonly maxBytes?: number;
  /** Told of the objects of each page as it is read, and of undefined before the first one, also where the list is begun anew: what was told before is void then. */
  readonly onObjects?: (objects: readonly KubeObject[] | undefined) => void;
}

/** A list in more pages than this is none that ends. */
const MAX_PAGES = 10_000;

export interface KubePage {
  /** The version that the list is a state of; watch from here. */
  readonly version: string;
  /** Token for the next page; empty on the last. */
  readonly continue: string;
  readonly items: readonly KubeObject[];
}

export const PRUNE_ALL: PruneOptions = { keepManagedFields: false, keepLastApplied: false };

/** One page. A token that is too old fails with `kubeExpired`. */
export async function listPage(
  exchange: Exchange,
  question: KubeQuestion,
  options: ListOptions,
): Promise<KubePage> {
  return readPage(exchange, await fetchPage(exchange, question, options), options);
}

function fetchPage(
  exchange: Exchange,
  question: KubeQuestion,
  { limit = exchange.options.pageSize, continue: token, retries, signal }: ListOptions,
  expectedBytes = 0,
): Promise<Uint8Array> {
  const query = toQuery({
    ...selectorsOf(question),
    limit: limit > 0 ? limit : undefined,
    continue: token || undefined,
  });
  const path = toPath(question) + query;
  return exchange.read({ path, expectedBytes, ...(signal ? { signal } : {}) }, retries);
}

function readPage(
  exchange: Exchange,
  body: Uint8Array,
  { prune = PRUNE_ALL, known = () => undefined, signal = NEVER }: ListOptions,
): Promise<KubePage> {
  return inTurns(parsePage(body, prune, known), exchange.clock, signal);
}

/** All objects of one state. A token that expires between pages means one more round, without pages, so that a slow reader comes to an end. */
export async function listAll(
  exchange: Exchange,
  question: KubeQuestion,
  options: ListAllOptions,
): Promise<Omit<KubePage, 'continue'>> {
  try {
    return await listPages(exchange, question, options);
  } catch (error) {
    if (!(error instanceof KubeError) || error.kind !== 'kubeExpired') throw error;
    return listPages(exchange, question, { ...options, limit: 0 });
  }
}

async function listPages(
  exchange: Exchange,
  question: KubeQuestion,
  options: ListAllOptions,
): Promise<Omit<KubePage, 'continue'>> {
  const { maxObjects = Infinity, maxBytes = Infinity, onObjects } = options;
  const items: KubeObject[] = [];
  let bytes = 0;
  let token = '';
  let version = '';
  const askFor = (next: string, expectedBytes = 0): Coming =>
    ask(exchange, question, { ...options, continue: next }, expectedBytes);
  onObjects?.(undefined);
  let coming = askFor('');
  try {
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const body = await coming.body;
      coming.release();
      const named = scanContinue(body);
      // Pages are about as long as the one before.
      if (named !== '' && named !== token) coming = askFor(named, Math.ceil(body.length * 1.1));
      const page = await readPage(exchange, body, options);
      for (const item of page.items) {
        items.push(item);
        bytes += item.json.length;
      }
      if (items.length > maxObjects)
        throw new KubeError('kubeTooLarge', `more than ${maxObjects} objects (maxObjects)`);
      if (bytes > maxBytes) throw new KubeError('kubeTooLarge', `more than ${maxBytes} bytes (maxBytes)`);
      onObjects?.(page.items);
      // All pages are of the state that the first one names.
      if (pages === 0) version = page.version;
      if (page.continue === '') return { version, items };
      if (page.continue === token) throw new KubeError('kubeBadAnswer', 'a page that continues with itself');
      token = page.continue;
      if (coming.token === token) continue;
      coming.discard();
      coming = askFor(token);
    }
    throw new KubeError('kubeBadAnswer', `a list of more than ${MAX_PAGES} pages`);
  } finally {
    coming.discard();
  }
}

/** A page that was asked for. */
interface Coming {
  readonly token: string;
  readonly body: Promise<Uint8Array>;
  /** It is there. */
  release(): void;
  /** It is not wanted. Harmless where it is there. */
  discard(): void;
}

function ask(
  exchange: Exchange,
  question: KubeQuestion,
  options: ListOptions & { readonly continue: string },
  expectedBytes: number,
): Coming {
  const { signal, release, abort } = linkAbort(options.signal);
  const body = fetchPage(exchange, question, { ...options, signal }, expectedBytes);
  // Whoever waits for it hears of a failure; perhaps nobody does.
  body.catch(() => undefined);
  return {
    token: options.continue,
    body,
    release,
    discard: () => {
      release();
      abort(new Error('the page is not wanted'));
    },
  };
}

/** Items that become objects between two pauses: some 2 ms. */
const SLICE_ITEMS = 500;

/** Pauses by yielding. */
function* parsePage(
  body: Uint8Array,
  prune: PruneOptions,
  known: NonNullable<ListOptions['known']>,
): Generator<undefined, KubePage> {
  try {
    const list = yield* scanList(body, prune);
    if (!list.kind.endsWith('List')) throw new KubeError('kubeBadAnswer', 'kind: a list expected');
    const type = { kind: list.kind.slice(0, -'List'.length), apiVersion: list.apiVersion };
    const items: KubeObject[] = [];
    for (const found of list.items) {
      items.push(toKnownObject(body, found, prune, type, known));
      if (items.length % SLICE_ITEMS === 0) yield;
    }
    return { version: list.version, continue: list.continue, items };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new KubeError('kubeBadAnswer', cause.message, { cause });
  }
}
