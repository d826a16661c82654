/**
 * One reader's event stream: what its documents become, and the id that says how far it got. Answers to the plan's commands turn into events
 * that name their channel; what a subscribe recovered follows it as publications like all others; what it could not recover is told as a gap.
 */
import type { StreamWriter } from '@trunkline/hub';
import {
  closeOf,
  fromUtf8,
  utf8,
  type Close,
  type Codec,
  type ConnectResult,
  type Encoded,
  type ErrorData,
  type Position,
  type SubscribeResult,
} from '@trunkline/protocol';
import { writePosition } from './positions.js';
import { Answered, inChannel, Placed } from './uni-codec.js';

export interface UniWriterOptions {
  /** Told to the reader as the time after which it comes back. */
  readonly retryMs: number;
  /** Which channel a command of the plan subscribes to. */
  readonly channels: ReadonlyMap<number, string>;
  /** From where it continues. */
  readonly since: ReadonlyMap<string, Position>;
}

export class UniWriter implements StreamWriter {
  readonly #json: Codec;
  readonly #codec: Codec;
  readonly #options: UniWriterOptions;
  /** Epochs of the channels it reads, and its place in each as it stands in the id. */
  readonly #epochs = new Map<string, string>();
  readonly #places = new Map<string, string>();
  #ending: Close | undefined;

  /** `json`: the native codec; `codec`: the one-way codec over it. */
  constructor(json: Codec, codec: Codec, options: UniWriterOptions) {
    this.#json = json;
    this.#codec = codec;
    this.#options = options;
    // Known from the first event on: a reader that leaves before a channel was answered has still come from there.
    for (const [channel, position] of options.since)
      this.#places.set(channel, writePosition(channel, position));
  }

  get ending(): Close | undefined {
    return this.#ending;
  }

  open(): string {
    return `retry: ${this.#options.retryMs}\n\n`;
  }

  write(documents: readonly Encoded[]): Uint8Array {
    const chunks: Uint8Array[] = [];
    for (const document of documents) {
      if (document instanceof Placed) this.#placed(document, chunks);
      else if (document instanceof Answered) this.#answered(document, chunks);
      else this.#event(document.bytes, chunks);
    }
    return Buffer.concat(chunks);
  }

  #placed({ bytes, channel, position }: Placed, chunks: Uint8Array[]): void {
    const moved = position.offset > 0 && this.#epochs.has(channel);
    if (moved) this.#stand(channel, position);
    this.#event(bytes, chunks, moved);
  }

  #answered({ reply: { id, outcome } }: Answered, chunks: Uint8Array[]): void {
    const channel = this.#options.channels.get(id);
    if ('error' in outcome) this.#refused(channel, outcome.error, chunks);
    else if (outcome.result.kind === 'connect') this.#connected(outcome.result, chunks);
    else if (outcome.result.kind === 'subscribe' && channel !== undefined)
      this.#subscribed(channel, outcome.result, chunks);
  }

  /** A refusal that may pass is also an end: only by coming back can this reader ask again. */
  #refused(channel: string | undefined, error: ErrorData, chunks: Uint8Array[]): void {
    const { code, message, temporary } = error;
    const body = { code, message, ...(temporary ? { temporary } : {}) };
    this.#event(
      channel === undefined ? utf8(JSON.stringify({ error: body })) : inChannel(channel, 'error', body),
      chunks,
    );
    if (temporary && channel !== undefined)
      this.#ending = closeOf('forceReconnect', 'a channel is not available now');
  }

  #connected(result: ConnectResult, chunks: Uint8Array[]): void {
    const subs = new Map([...result.subs].map(([channel, sub]) => [channel, { ...sub, publications: [] }]));
    for (const [channel, sub] of result.subs) this.#begin(channel, sub);
    const reply = this.#json.encodeReply({ id: 1, outcome: { result: { ...result, extensions: [], subs } } });
    this.#event(utf8(`{${withoutId(reply)}`), chunks, this.#places.size > 0);
    for (const [channel, sub] of result.subs) this.#follow(channel, sub, chunks);
  }

  #subscribed(channel: string, result: SubscribeResult, chunks: Uint8Array[]): void {
    this.#begin(channel, result);
    const reply = this.#json.encodeReply({ id: 1, outcome: { result: { ...result, publications: [] } } });
    this.#event(utf8(`{"channel":${JSON.stringify(channel)},${withoutId(reply)}`), chunks, true);
    this.#follow(channel, result, chunks);
  }

  /** Where the reader stands once it was told that it is subscribed, and before what follows brings it to the position of the result. */
  #begin(channel: string, { position, recovered, publications }: SubscribeResult): void {
    const since = this.#options.since.get(channel);
    this.#epochs.set(channel, position.epoch);
    if (since === undefined || (recovered && publications.length === 0)) this.#stand(channel, position);
    else if (recovered)
      this.#stand(channel, { ...position, offset: Math.min(since.offset, position.offset) });
  }

  /** What the reader missed, or that it cannot be had. */
  #follow(channel: string, result: SubscribeResult, chunks: Uint8Array[]): void {
    const { position, recovered, publications } = result;
    const since = this.#options.since.get(channel);
    for (const publication of publications) {
      const document = this.#codec.encodePublication(channel, publication);
      if (document instanceof Placed) this.#placed(document, chunks);
    }
    this.#stand(channel, position);
    if (since && !recovered)
      this.#event(inChannel(channel, 'gap', { reason: 'unrecovered', since, position }), chunks, true);
  }

  #stand(channel: string, { offset }: Position): void {
    const epoch = this.#epochs.get(channel) ?? '';
    this.#places.set(channel, writePosition(channel, { epoch, offset }));
  }

  #event(bytes: Uint8Array, chunks: Uint8Array[], placed = false): void {
    if (placed) chunks.push(utf8(`id: ${[...this.#places.values()].join('&')}\n`));
    chunks.push(DATA, bytes, END);
  }
}

/** A native reply to command 1, from behind its id on. */
function withoutId({ bytes }: Encoded): string {
  return fromUtf8(bytes).slice('{"id":1,'.length);
}

const DATA = utf8('data: ');
const END = utf8('\n\n');
