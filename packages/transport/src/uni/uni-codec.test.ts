import { Encoded, fromUtf8, type Push } from '@trunkline/protocol';
import { createJsonCodec } from '@trunkline/protocol/json';
import { describe, expect, it } from 'vitest';
import { Answered, createUniCodec, Placed } from './uni-codec.js';

const codec = createUniCodec(createJsonCodec());
const body = (document: Encoded | undefined): unknown => JSON.parse(fromUtf8((document as Encoded).bytes));

describe('the one-way codec', () => {
  it('[UNI-2] pushes are their native bodies without an envelope', () => {
    const push = (given: Push): unknown => body(codec.encodePush(given));
    expect(push({ kind: 'disconnect', code: 3001, reason: 'shutdown' })).toEqual({
      disconnect: { code: 3001, reason: 'shutdown', reconnect: true },
    });
    expect(push({ kind: 'message', data: '{"a":1}' })).toEqual({ message: { data: { a: 1 } } });
    expect(push({ kind: 'unsubscribed', subId: 'a', channel: 'a', code: 2000, reason: 'r' })).toEqual({
      channel: 'a',
      unsubscribe: { code: 2000, reason: 'r' },
    });
  });

  it('[UNI-2] a publication is one document, shared, that knows its place', () => {
    const document = codec.encodePublication('a:b', { offset: 7, data: '{"n":1}', tags: { t: 'x' } });
    expect(body(document)).toEqual({
      channel: 'a:b',
      pub: { data: { n: 1 }, offset: 7, tags: { t: 'x' } },
    });
    expect(document).toBeInstanceOf(Placed);
    expect((document as Placed).position.offset).toBe(7);
  });

  it('[UNI-6] gaps and source states have a form of their own; a gap moves its reader on', () => {
    const gap = codec.encodePush({
      kind: 'gap',
      subId: 'a',
      channel: 'a',
      epoch: 'e',
      from: 3,
      to: 9,
      reason: 'overflow',
    });
    expect(body(gap)).toEqual({ channel: 'a', gap: { reason: 'overflow', epoch: 'e', from: 3, to: 9 } });
    expect((gap as Placed).position).toEqual({ epoch: 'e', offset: 9 });
    expect(
      body(codec.encodePush({ kind: 'source', subId: 'a', channel: 'a', source: { state: 'live' } })),
    ).toEqual({ channel: 'a', source: { state: 'live' } });
  });

  it('[UNI-1] nothing comes up', () => {
    expect(codec.decode('{}', { maxCommands: 1, maxDepth: 1 }).fatal?.code).toBe(3501);
    expect(codec.encodeReply({ id: 4, outcome: { result: { kind: 'ping' } } })).toBeInstanceOf(Answered);
  });
});
