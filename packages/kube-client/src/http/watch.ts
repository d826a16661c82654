/**
 * A watch over HTTP: chunks to lines, lines to events, a batch for each chunk. The next chunk is read when the batch before was taken, so a slow reader slows
 * the API server's writing and fills no memory here. Bookmarks are events of their own kind; an ERROR event ends the watch with its code.
 */
import { nextTurn, NEVER } from '../abort.js';
import { KubeError, toKubeError, toStatus } from '../errors.js';
import { selectorsOf, toPath, toQuery, type KubeQuestion } from '../question.js';
import { LineSplitter } from '../wire/lines.js';
import { toObject, type KubeObject } from '../wire/object.js';
import { scanEvent, type PruneOptions, type ScannedObject } from '../wire/scan.js';
import type { Exchange, KubeAnswer } from './exchange.js';
import { PRUNE_ALL } from './list.js';

export interface WatchOptions {
  /** Events after this version. Without it the server begins with what there is, in no order. */
  readonly version?: string;
  /** WatchList: first every object as `added`, then a bookmark with `initialEventsEnd`, then changes. A server that does not know it answers 422 (`kubeRefused`). */
  readonly sendInitialEvents?: boolean;
  /** After this time the server ends the watch, in milliseconds. Default: the server's. */
  readonly timeoutMs?: number;
  /** Default: the cluster's `watchSilenceMs`. */
  readonly silenceMs?: number;
  readonly prune?: PruneOptions;
  readonly signal?: AbortSignal;
}

export type WatchEvent =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly object: KubeObject }
  | { readonly kind: 'bookmark'; readonly version: string; readonly initialEventsEnd: boolean };

/** A watch whose answer has begun. Iterate it, or call `discard`. */
export interface KubeWatch {
  /** Batches in the order of the server. Ends when the server ends the watch; fails with a `KubeError` otherwise. */
  readonly batches: AsyncIterable<readonly WatchEvent[]>;
  discard(): void;
}

/** Bytes that are read in one turn of the event loop: some 2 ms. A fast server's events come by the megabyte, and nothing else would run meanwhile. */
const TURN_BYTES = 131_072;

export async function openWatch(
  exchange: Exchange,
  question: KubeQuestion,
  options: WatchOptions,
): Promise<KubeWatch> {
  const { version, sendInitialEvents = false, timeoutMs, signal, prune = PRUNE_ALL } = options;
  const query = toQuery({
    ...selectorsOf(question),
    watch: 1,
    allowWatchBookmarks: true,
    resourceVersion: version,
    sendInitialEvents: sendInitialEvents || undefined,
    resourceVersionMatch: sendInitialEvents ? 'NotOlderThan' : undefined,
    timeoutSeconds: timeoutMs === undefined ? undefined : Math.max(1, Math.round(timeoutMs / 1_000)),
  });
  const answer = await exchange.openOk({
    path: toPath(question) + query,
    silenceMs: options.silenceMs ?? exchange.options.watchSilenceMs,
    ...(signal ? { signal } : {}),
  });
  const pause = (): Promise<void> => nextTurn(exchange.clock, signal ?? NEVER);
  const { maxLineBytes } = exchange.options;
  return { batches: readBatches(answer, maxLineBytes, prune, pause), discard: answer.discard };
}

async function* readBatches(
  answer: KubeAnswer,
  maxLineBytes: number,
  prune: PruneOptions,
  pause: () => Promise<void>,
): AsyncGenerator<readonly WatchEvent[]> {
  const splitter = new LineSplitter({ maxLineBytes, onLong: 'refuse', onEmpty: 'drop' });
  let turnBytes = 0;
  for await (const chunk of answer.body) {
    if (turnBytes >= TURN_BYTES) {
      turnBytes = 0;
      await pause();
    }
    turnBytes += chunk.length;
    const events: WatchEvent[] = [];
    let failure: { readonly error: unknown } | undefined;
    try {
      for (const line of splitter.push(chunk)) events.push(toEvent(line, prune));
    } catch (error) {
      failure = { error };
    }
    // What came before the fault is as good as ever.
    if (events.length > 0) yield events;
    if (failure !== undefined) throw failure.error;
  }
  if (splitter.pendingBytes > 0) throw new KubeError('kubeConnectionLost', 'the last event was cut off');
}

/** One line as an event. Throws the error that an ERROR event stands for, and `kubeBadAnswer` for what is no event. */
export function toEvent(line: Uint8Array, prune: PruneOptions): WatchEvent {
  try {
    const { type, object } = scanEvent(line, prune);
    if (object === undefined) throw new KubeError('kubeBadAnswer', 'object: missing in an event');
    switch (type) {
      case 'ADDED':
        return { kind: 'added', object: toObject(line, object, prune) };
      case 'MODIFIED':
        return { kind: 'modified', object: toObject(line, object, prune) };
      case 'DELETED':
        return { kind: 'deleted', object: toObject(line, object, prune) };
      case 'BOOKMARK':
        return toBookmark(line, object);
      case 'ERROR': {
        const status = toStatus(parse(line, object));
        throw toKubeError(status.code ?? 500, status);
      }
      default:
        throw new KubeError('kubeBadAnswer', 'type: unknown in an event');
    }
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new KubeError('kubeBadAnswer', cause.message, { cause });
  }
}

function toBookmark(line: Uint8Array, found: ScannedObject): WatchEvent {
  const { metadata } = parse(line, found) as {
    readonly metadata?: {
      readonly resourceVersion?: unknown;
      readonly annotations?: Readonly<Record<string, unknown>> | null;
    } | null;
  };
  const version = metadata?.resourceVersion;
  if (typeof version !== 'string' || version === '')
    throw new KubeError('kubeBadAnswer', 'metadata.resourceVersion: missing in a bookmark');
  return {
    kind: 'bookmark',
    version,
    initialEventsEnd: metadata?.annotations?.['k8s.io/initial-events-end'] === 'true',
  };
}

function parse(line: Uint8Array, { start, end }: ScannedObject): unknown {
  return JSON.parse(Buffer.from(line.subarray(start, end)).toString());
}
