/** Logs of a container as they come: one stream per call, pulled, so that a reader that stands still stops the API server's writing. */
import { toPath, toQuery } from '../question.js';
import { LineSplitter } from '../wire/lines.js';
import type { Exchange, KubeAnswer } from './exchange.js';

export interface LogOptions {
  readonly namespace: string;
  readonly pod: string;
  /** Default: the only container; the server refuses where there are several. */
  readonly container?: string;
  /** Go on with what is written from now on. Default false. */
  readonly follow?: boolean;
  /** The container's run before this one. Default false. */
  readonly previous?: boolean;
  /** A time in front of each line. Default false. */
  readonly timestamps?: boolean;
  /** Only the last lines. Default: all. */
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** RFC 3339. Not together with `sinceSeconds`. */
  readonly sinceTime?: string;
  readonly limitBytes?: number;
  /** Longest line in bytes; longer ones arrive in pieces. Default 65,536. */
  readonly maxLineBytes?: number;
  /** Longest time without a line, in milliseconds. Default `Infinity` with `follow`: a program may have nothing to say for days. */
  readonly silenceMs?: number;
  readonly signal?: AbortSignal;
}

const LINE_MAX_BYTES = 65_536;
const PODS = { group: '', version: 'v1', resource: 'pods' };

/** Batches of lines without their ends, in order; empty ones included. Ends when the container's log does. Fails with a `KubeError`. */
export async function* readLogs(
  exchange: Exchange,
  options: LogOptions,
): AsyncGenerator<readonly Uint8Array[]> {
  yield* await openLogs(exchange, options);
}

/** The same, once the server has agreed to it. What is not read keeps its connection until the signal is aborted. */
export async function openLogs(
  exchange: Exchange,
  options: LogOptions,
): Promise<AsyncGenerator<readonly Uint8Array[]>> {
  const { namespace, pod, follow = false, signal } = options;
  const query = toQuery({
    container: options.container,
    follow: follow || undefined,
    previous: options.previous || undefined,
    timestamps: options.timestamps || undefined,
    tailLines: options.tailLines,
    sinceSeconds: options.sinceSeconds,
    sinceTime: options.sinceTime,
    limitBytes: options.limitBytes,
  });
  const silenceMs = options.silenceMs ?? (follow ? Infinity : exchange.options.bodySilenceMs);
  const path = toPath({ ...PODS, namespace }, pod, 'log') + query;
  const answer = await exchange.openOk({
    path,
    headers: { accept: '*/*' },
    silenceMs,
    ...(signal ? { signal } : {}),
  });
  return linesOf(answer, options.maxLineBytes ?? LINE_MAX_BYTES);
}

async function* linesOf(answer: KubeAnswer, maxLineBytes: number): AsyncGenerator<readonly Uint8Array[]> {
  const splitter = new LineSplitter({ maxLineBytes, onLong: 'cut', onEmpty: 'keep' });
  for await (const chunk of answer.body) {
    const lines = [...splitter.push(chunk)];
    if (lines.length > 0) yield lines;
  }
  const rest = splitter.flush();
  if (rest !== undefined) yield [rest];
}
