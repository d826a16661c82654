/** What the unmodified client library makes of our documents, on both wires: its own codecs, without a connection. */
import { Centrifuge as JsonClient } from 'centrifuge';
import { Centrifuge as ProtobufClient } from 'centrifuge/build/protobuf';
import { describe, expect, it } from 'vitest';
import { fromUtf8 } from './bytes.js';
import type { Codec, Encoded } from './codec.js';
import { createDelta } from './fossil-create.js';
import { createJsonCodec } from './json/codec.js';
import type { Command, Publication, Push, Reply } from './model.js';
import { createProtobufCodec } from './protobuf/codec.js';

/** The part of the library's codec that is used here. */
interface StockCodec {
  encodeCommands(commands: readonly object[]): string | Uint8Array;
  decodeReplies(data: string | Uint8Array): StockReply[];
  applyDeltaIfNeeded(
    publication: object,
    previous: Uint8Array | undefined,
  ): { newData: unknown; newPrevValue: Uint8Array; isDelta: boolean };
}
interface StockReply {
  readonly id?: number;
  readonly push?: { readonly channel: string; readonly pub?: object; readonly message?: { data: unknown } };
  readonly subscribe?: {
    readonly delta?: boolean;
    readonly state: object[];
    readonly publications: object[];
  };
  readonly connect?: { readonly data: unknown };
}

const WIRES = [
  { ours: createJsonCodec(), client: new JsonClient('ws://127.0.0.1:1/') },
  { ours: createProtobufCodec(), client: new ProtobufClient('ws://127.0.0.1:1/') },
].map(({ ours, client }) => ({ ours, stock: (client as unknown as { _codec: StockCodec })._codec }));

const LIMITS = { maxCommands: 100, maxDepth: 64 };
const text = new TextEncoder();

function read(ours: Codec, stock: StockCodec, documents: readonly Encoded[]): StockReply[] {
  const bytes = documents.length === 1 ? (documents[0] as Encoded).bytes : ours.join(documents);
  return stock.decodeReplies(ours.binary ? bytes : fromUtf8(bytes));
}

/** What the application sees, on either wire. */
const plain = (data: unknown): unknown =>
  data instanceof Uint8Array ? (JSON.parse(Buffer.from(data).toString()) as unknown) : data;

describe.each(WIRES)('the unmodified client over $ours.name', ({ ours, stock }) => {
  it('[WIRE-43] reads joined documents, pings among them', () => {
    const push = ours.encodePublication('news', { offset: 1, data: '{"a":1}' });
    const replies = read(ours, stock, [push, ours.ping, push]);
    expect(replies.map((reply) => plain((reply.push?.pub as { data?: unknown } | undefined)?.data))).toEqual([
      { a: 1 },
      undefined,
      { a: 1 },
    ]);
    // The library takes a reply without id and push for a ping.
    expect([replies[1]?.id ?? 0, replies[1]?.push ?? null]).toEqual([0, null]);
  });

  it('[WIRE-7] its pong, its send and its batches are read', () => {
    const data = ours.binary ? text.encode('{"x":1}') : { x: 1 };
    const frame = stock.encodeCommands([{}, { send: { data } }, { id: 5, publish: { channel: 'a', data } }]);
    expect(ours.decode(frame, LIMITS)).toEqual({
      items: [
        { kind: 'pong', id: 0 },
        { kind: 'send', id: 0, data: '{"x":1}' },
        { kind: 'publish', id: 5, channel: 'a', data: '{"x":1}' },
      ] satisfies Command[],
    });
  });

  it('[WIRE-31] applies deltas to the publication before, key by key', () => {
    const lines = Array.from({ length: 5 }, (_, index) =>
      JSON.stringify({ index, name: `žluťoučký kůň ${index}`, pad: 'x'.repeat(200) }),
    );
    let base: Uint8Array | undefined;
    lines.forEach((line, index) => {
      const previous = lines[index - 1];
      const delta =
        previous === undefined ? undefined : createDelta(text.encode(previous), text.encode(line));
      const publication: Publication =
        delta === undefined
          ? { offset: index + 1, data: line, form: 'full' }
          : { offset: index + 1, data: delta, form: 'delta' };
      const [reply] = read(ours, stock, [ours.encodePublication('news', publication)]);
      const applied = stock.applyDeltaIfNeeded(reply?.push?.pub as object, base);
      expect(plain(applied.newData)).toEqual(JSON.parse(line));
      expect(applied.isDelta).toBe(index > 0);
      base = applied.newPrevValue;
    });
  });

  it('[WIRE-31] learns from the subscribe reply that there are deltas, and their bases from its entries', () => {
    const entry: Publication = { offset: 4, data: '[1]', key: 'k1', form: 'full' };
    const reply: Reply = {
      id: 2,
      outcome: {
        result: {
          ...{ kind: 'subscribe', type: 'map', recoverable: true, positioned: true, recovered: false },
          ...{ wasRecovering: false, phase: 'live', cursor: '', publishDebounceMs: 0, delta: true },
          ...{ position: { epoch: 'e', offset: 4 }, state: [entry], publications: [entry] },
        },
      },
    };
    const [read1] = read(ours, stock, [ours.encodeReply(reply)]);
    expect(read1?.subscribe?.delta).toBe(true);
    for (const publication of [
      ...(read1?.subscribe?.state ?? []),
      ...(read1?.subscribe?.publications ?? []),
    ]) {
      const { data } = publication as { data: unknown };
      expect(ours.binary ? data instanceof Uint8Array : typeof data === 'string').toBe(true);
      expect(plain(stock.applyDeltaIfNeeded(publication, undefined).newData)).toEqual([1]);
    }
  });

  it('[WIRE-34] is given a removal as it would be without deltas', () => {
    const removal: Publication = { offset: 5, data: '"why"', key: 'k1', removed: true };
    const withForm = ours.encodePublication('rows', { ...removal, form: 'full' });
    expect(withForm.bytes).toEqual(ours.encodePublication('rows', removal).bytes);
    const [reply] = read(ours, stock, [withForm]);
    expect(reply?.push?.pub).toMatchObject({ removed: true });
    const { data } = reply?.push?.pub as { data: unknown };
    expect(plain(data)).toBe('why');
  });

  it('[EXT-4] hands our own messages to the application', () => {
    const pushes: Push[] = [
      { kind: 'gap', subId: 'a', channel: 'a', epoch: 'e', from: 1, to: 2, reason: 'overflow' },
      { kind: 'source', subId: 'a', channel: 'a', source: { state: 'live' } },
      { kind: 'drain', withinMs: 5 },
      { kind: 'call', callId: 'c', method: 'm', data: '{"n":1}' },
    ];
    const documents = pushes.map((push) => ours.encodePush(push) as Encoded);
    expect(read(ours, stock, documents).map((reply) => plain(reply.push?.message?.data))).toEqual([
      { tl: { gap: { channel: 'a', epoch: 'e', from: 1, to: 2, reason: 'overflow' } } },
      { tl: { source: { channel: 'a', state: 'live' } } },
      { tl: { drain: { withinMs: 5 } } },
      { tl: { call: { id: 'c', method: 'm', data: { n: 1 } } } },
    ]);
  });
});
