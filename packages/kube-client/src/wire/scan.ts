/**
 * Finds in one pass over the bytes what the client must know of an object: its kind, its name, uid and version, and where the parts lie that nobody wants to
 * keep. The object itself is not built: it stays bytes until somebody reads it. Names that are written with escapes, which no API server does, send the
 * object the slow way, through `JSON.parse`, so that the answer is the same for every way to write it.
 */
import { isUtf8 } from 'node:buffer';
import { JsonWalker } from './walker.js';

/** What is dropped from objects. Both are bookkeeping of clients that write, and often half of the bytes. */
export interface PruneOptions {
  /** Keep `metadata.managedFields`. */
  readonly keepManagedFields: boolean;
  /** Keep the annotation `kubectl.kubernetes.io/last-applied-configuration`. */
  readonly keepLastApplied: boolean;
}

/** An object as found, in offsets of the bytes that were walked. */
export interface ScannedObject {
  readonly start: number;
  readonly end: number;
  /** Empty text where the object has no such field, or one that is no text. */
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  /** Pairs of start and end to leave out, ascending. */
  readonly cuts: readonly number[];
  /** A name that matters is written with an escape: what was found here may be incomplete. */
  readonly unusual: boolean;
}

export interface ScannedEvent {
  readonly type: string;
  readonly object: ScannedObject | undefined;
}

export interface ScannedList {
  readonly kind: string;
  readonly apiVersion: string;
  readonly version: string;
  /** Token of the next page; empty on the last. */
  readonly continue: string;
  readonly items: readonly ScannedObject[];
}

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** One line of a watch. Throws a SyntaxError where it is no JSON object in UTF-8. */
export function scanEvent(line: Uint8Array, prune: PruneOptions): ScannedEvent {
  const scan = begin(line, prune);
  let type = '';
  let object: ScannedObject | undefined;
  scan.members((key) => {
    if (key === 'type') type = scan.text();
    else if (key !== 'object') scan.walker.value();
    else if (scan.walker.atObject()) object = scan.object();
    else {
      object = undefined;
      scan.walker.value();
    }
  });
  scan.walker.finish();
  return { type, object };
}

/** Where the token of the next page is looked for: a version and a token of some hundred bytes are all that API servers write in front of the items. */
const HEAD_BYTES = 8_192;

/** Token of the next page, where it stands in front of the items; empty otherwise, and for what is no list. A guess: what counts is what the whole list says. */
export function scanContinue(body: Uint8Array): string {
  const scan = new Scan(body.subarray(0, HEAD_BYTES), { keepManagedFields: true, keepLastApplied: true });
  const { walker } = scan;
  let token = '';
  try {
    walker.space();
    for (let more = walker.openObject(); more; more = walker.nextMember()) {
      const key = scan.key();
      walker.colon();
      if (key === 'items') break;
      if (key === 'metadata') token = scan.listMetadata().continue;
      else walker.value();
    }
  } catch (cause) {
    // Cut off, or no JSON: whoever scans all of it will say so.
    if (!(cause instanceof SyntaxError)) throw cause;
    return '';
  }
  return token;
}

/** Bytes of a list that are walked over between two pauses: some 2 ms. */
const SLICE_BYTES = 131_072;

/** A list, whole. Pauses by yielding, between items, after every `SLICE_BYTES`. Throws a SyntaxError where it is no JSON object in UTF-8. */
export function* scanList(body: Uint8Array, prune: PruneOptions): Generator<undefined, ScannedList> {
  const scan = begin(body, prune);
  const { walker } = scan;
  const found = { kind: '', apiVersion: '', version: '', continue: '' };
  let items: ScannedObject[] = [];
  walker.enter();
  for (let more = walker.openObject(); more; more = walker.nextMember()) {
    const key = scan.key();
    walker.colon();
    if (key === 'kind' || key === 'apiVersion') found[key] = scan.text();
    else if (key === 'metadata') Object.assign(found, scan.listMetadata());
    else if (key === 'items') {
      items = [];
      if (walker.atArray()) yield* scanItems(scan, items);
      else walker.value();
    } else walker.value();
  }
  walker.leave();
  walker.finish();
  return { ...found, items };
}

function* scanItems(scan: Scan, items: ScannedObject[]): Generator<undefined, void> {
  const { walker } = scan;
  let pausedAt = walker.pos;
  walker.enter();
  for (let more = walker.openArray(); more; more = walker.nextItem()) {
    items.push(scan.object());
    if (walker.pos - pausedAt < SLICE_BYTES) continue;
    pausedAt = walker.pos;
    yield;
  }
  walker.leave();
}

/** One object that stands alone. */
export function scanObject(body: Uint8Array, prune: PruneOptions): ScannedObject {
  const scan = begin(body, prune);
  const object = scan.object();
  scan.walker.finish();
  return object;
}

function begin(bytes: Uint8Array, prune: PruneOptions): Scan {
  if (!isUtf8(bytes)) throw new SyntaxError('no JSON: the bytes are not UTF-8');
  const scan = new Scan(bytes, prune);
  scan.walker.space();
  return scan;
}

class Scan {
  /** As in `JsonWalker`. */
  static readonly kept = new Scan(new Uint8Array(0), { keepManagedFields: false, keepLastApplied: false });
  readonly walker: JsonWalker;
  readonly #text: Buffer;
  readonly #prune: PruneOptions;
  #unusual = false;

  constructor(bytes: Uint8Array, prune: PruneOptions) {
    this.walker = new JsonWalker(bytes);
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#prune = prune;
  }

  /** Walks over the object that begins here; `onMember` stands at the value of each member and must walk over it. True answers cut the member out. */
  members(onMember: (key: string) => boolean | void, cuts?: number[]): void {
    const { walker } = this;
    walker.enter();
    let keptEnd = walker.pos + 1;
    for (let more = walker.openObject(); more;) {
      const start = walker.pos;
      const key = this.key();
      walker.colon();
      const dropped = onMember(key) === true;
      const end = walker.pos;
      more = walker.nextMember();
      if (!dropped) keptEnd = end;
      else if (more) cuts?.push(start, walker.pos);
      else {
        // The last member takes the comma before it along, and with it what was cut since.
        while (cuts !== undefined && cuts.length > 0 && (cuts.at(-2) ?? 0) >= keptEnd) cuts.length -= 2;
        cuts?.push(keptEnd, end);
      }
    }
    walker.leave();
  }

  object(): ScannedObject {
    const { walker } = this;
    const start = walker.pos;
    const cuts: number[] = [];
    const found = { kind: '', apiVersion: '', namespace: '', name: '', uid: '', version: '' };
    this.#unusual = false;
    this.members((key) => {
      if (key === 'metadata') this.#metadata(found, cuts);
      else if (key === 'kind' || key === 'apiVersion') found[key] = this.text();
      else walker.value();
    });
    return { start, end: walker.pos, ...found, cuts, unusual: this.#unusual };
  }

  /** Of a list. Where a name comes twice the last one counts, as with `JSON.parse`. */
  listMetadata(): { readonly version: string; readonly continue: string } {
    const { walker } = this;
    const found = { version: '', continue: '' };
    if (!walker.atObject()) walker.value();
    else
      this.members((field) => {
        if (field === 'resourceVersion') found.version = this.text();
        else if (field === 'continue') found.continue = this.text();
        else walker.value();
      });
    return found;
  }

  /** The text of the value that begins here, and over it; empty where it is no string. */
  text(): string {
    const { walker } = this;
    const start = walker.pos;
    if (!walker.atString()) {
      walker.value();
      return '';
    }
    walker.string();
    return walker.escaped
      ? (JSON.parse(this.#text.toString('utf8', start, walker.pos)) as string)
      : this.#text.toString('utf8', start + 1, walker.pos - 1);
  }

  #metadata(found: { namespace: string; name: string; uid: string; version: string }, cuts: number[]): void {
    const { walker } = this;
    Object.assign(found, { namespace: '', name: '', uid: '', version: '' });
    if (!walker.atObject()) return walker.value();
    this.members((field) => {
      if (field === 'name' || field === 'namespace' || field === 'uid') found[field] = this.text();
      else if (field === 'resourceVersion') found.version = this.text();
      else if (field === 'annotations' && walker.atObject() && !this.#prune.keepLastApplied)
        this.members((name) => {
          walker.value();
          return name === LAST_APPLIED;
        }, cuts);
      else {
        walker.value();
        return field === 'managedFields' && !this.#prune.keepManagedFields;
      }
      return false;
    }, cuts);
  }

  /** The name that begins here, and over it; empty text for one that matters to nobody. */
  key(): string {
    const { walker } = this;
    const start = walker.pos + 1;
    walker.string();
    if (walker.escaped) this.#unusual = true;
    const length = walker.pos - 1 - start;
    // Compared byte by byte with those of its length: a text would be made of every name else.
    for (const { text, bytes } of KEYS_BY_LENGTH[length] ?? [])
      if (isAt(walker.bytes, start, bytes)) return text;
    return '';
  }
}

interface Known {
  readonly text: string;
  readonly bytes: Uint8Array;
}

const KEYS: readonly Known[] = [
  'type',
  'object',
  'kind',
  'apiVersion',
  'metadata',
  'items',
  'continue',
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'annotations',
  'managedFields',
  LAST_APPLIED,
].map((text) => ({ text, bytes: new TextEncoder().encode(text) }));
const LONGEST = Math.max(...KEYS.map(({ bytes }) => bytes.length));
const KEYS_BY_LENGTH: readonly (readonly Known[])[] = Array.from({ length: LONGEST + 1 }, (_, length) =>
  KEYS.filter(({ bytes }) => bytes.length === length),
);

function isAt(bytes: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let index = 0; index < wanted.length; index++)
    if (bytes[start + index] !== wanted[index]) return false;
  return true;
}
