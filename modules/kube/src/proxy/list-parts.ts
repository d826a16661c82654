/**
 * A list's JSON taken apart as it comes: the bytes between the brackets of `items` (or the `rows` of a table), and what stands around them. Nothing of the items is parsed or kept, so that a list of any
 * length takes no memory.
 */
import { KubeError, type KubeAnswer } from '@trunkline/kube-client';

/** What stands before the items. */
export interface ListHead {
  readonly kind: string;
  readonly apiVersion: string;
  /** Empty where the server gives none. */
  readonly version: string;
  /** Of a table. */
  readonly columns: unknown;
}

/** Longest text around the items. The columns of a table are the longest part of it. */
const AROUND_MAX = 1_048_576;

/** Of it, the last characters in which the name of the items is looked for, however many lists come before them. */
const END_CHARS = 256;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

export class ListSplitter {
  /** Without the items. */
  #around = '';
  /** Its last characters. */
  #end = '';
  #depth = 0;
  #quoted = false;
  #escaped = false;
  #inside = false;
  #head: ListHead | undefined;

  /** There when the items begin; what comes after them does not count. */
  get head(): ListHead | undefined {
    return this.#head;
  }

  /** @returns the bytes of the items in it; throws `kubeBadAnswer` */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const pieces: Uint8Array[] = [];
    // Every byte comes through here: fields would cost more than the rest.
    let depth = this.#depth;
    let quoted = this.#quoted;
    let escaped = this.#escaped;
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (quoted) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) quoted = false;
      } else if (byte === QUOTE) quoted = true;
      else if (byte === OPEN) depth++;
      else if (byte === CLOSE) depth--;
      else if (byte === OPEN_LIST) {
        depth++;
        if (this.#inside || depth !== 2) continue;
        this.#keep(chunk.subarray(from, at + 1));
        from = at + 1;
        if (!ITEMS.test(this.#end)) continue;
        this.#inside = true;
        this.#head = toHead(`${this.#around}]}`);
      } else if (byte === CLOSE_LIST) {
        depth--;
        if (!this.#inside || depth !== 1) continue;
        pieces.push(chunk.subarray(from, at));
        from = at;
        this.#inside = false;
      }
    }
    [this.#depth, this.#quoted, this.#escaped] = [depth, quoted, escaped];
    if (this.#inside) pieces.push(chunk.subarray(from));
    else this.#keep(chunk.subarray(from));
    return pieces.length > 1 ? Buffer.concat(pieces) : pieces[0];
  }

  /** The text is over. Throws `kubeBadAnswer` where it was none of a list, or was cut. */
  end(): ListHead {
    const head = toHead(this.#around);
    return this.#head ?? head;
  }

  #keep(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    this.#around += text;
    this.#end = (this.#end + text).slice(-END_CHARS);
    if (this.#around.length > AROUND_MAX)
      throw new KubeError('kubeBadAnswer', 'what stands around a list is too long');
  }
}

/** As a member of the outermost object: a quotation mark within a text has a backslash before it. */
const ITEMS = /[{,]\s*"(?:items|rows)"\s*:\s*\[$/;

function toHead(text: string): ListHead {
  let found: Partial<Record<'kind' | 'apiVersion' | 'metadata' | 'columnDefinitions', unknown>>;
  try {
    found = JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as typeof found;
  } catch (cause) {
    throw new KubeError('kubeBadAnswer', 'no JSON of a list', { cause });
  }
  const { kind, apiVersion, metadata, columnDefinitions } = found ?? {};
  if (typeof kind !== 'string' || !/(List|^Table)$/.test(kind) || typeof apiVersion !== 'string')
    throw new KubeError('kubeBadAnswer', 'kind: a list expected, before its items');
  const version = (metadata as { readonly resourceVersion?: unknown } | null | undefined)?.resourceVersion;
  return {
    kind,
    apiVersion,
    version: typeof version === 'string' ? version : '',
    columns: columnDefinitions,
  };
}

/** One answer of which the head is known. Read its items once, or discard it. */
export interface ListPart {
  readonly head: ListHead;
  /** Bytes between the brackets, as they stand there. Fails with `kubeBadAnswer` where the list was cut. */
  readonly items: AsyncIterable<Uint8Array>;
  discard(): void;
}

/** Resolves when the items begin, or with the end of a list that has none. Lets go of an answer that is no list. */
export async function openPart({ body, discard }: KubeAnswer): Promise<ListPart> {
  const splitter = new ListSplitter();
  const chunks = body[Symbol.asyncIterator]();
  try {
    let piece: Uint8Array | undefined;
    while (splitter.head === undefined) {
      const next = await chunks.next();
      if (next.done === true) break;
      piece = splitter.push(next.value);
    }
    return { head: splitter.head ?? splitter.end(), items: itemsOf(splitter, chunks, piece), discard };
  } catch (cause) {
    discard();
    throw cause;
  }
}

async function* itemsOf(
  splitter: ListSplitter,
  chunks: AsyncIterator<Uint8Array>,
  first: Uint8Array | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    if (first !== undefined) yield first;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      const piece = splitter.push(next.value);
      if (piece !== undefined) yield piece;
    }
    splitter.end();
  } finally {
    await chunks.return?.();
  }
}
