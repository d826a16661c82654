import { Encoded, fromUtf8, utf8 } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import type { Conversation, Line, LinkProfile } from './ports/index.js';
import { nativeProfile } from './router/native-endpoint.js';
import { createTestHub, MemoryTransport, TEST_REQUEST, testPrincipal, type TestHub } from './testing.js';
import type { HubOptions } from './options.js';
import type { Principal } from './ports/principal.js';

/** The other side of a line, with everything that it was told. */
class Talk implements Conversation {
  readonly line: Line;
  readonly frames: string[] = [];
  drained = 0;
  closed = 0;
  end: readonly [code: number, reason: string, by: string] | undefined;

  constructor(line: Line) {
    this.line = line;
  }

  onFrame(frame: string | Uint8Array): void {
    const text = typeof frame === 'string' ? frame : fromUtf8(frame);
    if (text === 'throw') throw new Error('a bug');
    this.frames.push(text);
  }
  onDrained(): void {
    this.drained++;
  }
  onClosed(...end: Parameters<Conversation['onClosed']>): void {
    this.closed++;
    this.end = end;
  }
}

function open(
  { hub }: TestHub,
  principal: Partial<Principal> = {},
  profile: Partial<LinkProfile> = {},
): { readonly transport: MemoryTransport; readonly talk: Talk | undefined } {
  const transport = new MemoryTransport();
  let talk: Talk | undefined;
  transport.attach(
    hub.converse(transport, {
      request: TEST_REQUEST,
      principal: testPrincipal(principal),
      profile: { ...nativeProfile(hub.options), ...profile },
      begin: (line) => (talk = new Talk(line)),
    }),
  );
  return { transport, talk };
}

const begin = (options: Partial<HubOptions> = {}) => createTestHub({ pingIntervalMs: 0, ...options });
const doc = (text: string): Encoded => new Encoded(utf8(text));

describe('lines', () => {
  it('[LINE-1] frames go in and out as they are, in order, what is sent in one turn as one write', async () => {
    const bed = begin();
    const { transport, talk } = open(bed);
    transport.handlers.onFrame('{"id":1,"connect":{}}');
    transport.handlers.onFrame(utf8('bytes'));
    expect(talk?.frames).toEqual(['{"id":1,"connect":{}}', 'bytes']);
    for (const text of ['a', 'b', 'c']) expect(talk?.line.send(doc(text))).toBe(true);
    await bed.clock.advance(0);
    expect([transport.documents, transport.writes]).toEqual([['a', 'b', 'c'], [3]]);
    talk?.line.close({ code: 4001, reason: 'done' });
    talk?.line.close({ code: 4002, reason: 'again' });
    expect([transport.closed, talk?.closed, talk?.line.open]).toEqual([
      { code: 4001, reason: 'done' },
      1,
      false,
    ]);
    expect(talk?.line.send(doc('late'))).toBe(true);
    expect(transport.documents).toEqual(['a', 'b', 'c']);
    const other = open(bed);
    other.transport.handlers.onClosed(4321, 'enough');
    expect([talk?.end, other.talk?.end]).toEqual([
      [4001, 'done', 'server'],
      [4321, 'enough', 'client'],
    ]);
  });

  it('[LINE-2] the outbox is bounded: what does not fit is not taken, and the conversation is told when it is empty', async () => {
    const bed = begin();
    const { transport, talk } = open(bed, {}, { outboxMaxMessages: 2, outboxMaxBytes: 100 });
    transport.stall();
    talk?.line.send(doc('first'));
    await bed.clock.advance(0);
    expect(talk?.line.blocked).toBe(true);
    expect(['a', 'b', 'c'].map((text) => talk?.line.send(doc(text)))).toEqual([true, true, false]);
    transport.unstall();
    await bed.clock.advance(0);
    expect([talk?.drained, transport.documents]).toEqual([1, ['first', 'a', 'b']]);
    talk?.line.hold();
    expect(transport.paused).toBe(true);
    talk?.line.release();
    expect(transport.paused).toBe(false);
  });

  it('[LINE-3] a frame that is too large, and a conversation that throws, end their own connection', () => {
    const bed = begin();
    const one = open(bed, {}, { maxFrameBytes: 10 });
    const other = open(bed);
    one.transport.handlers.onFrame('x'.repeat(11));
    expect([one.transport.closed?.code, one.talk?.closed]).toEqual([1009, 1]);
    other.transport.handlers.onFrame('throw');
    expect([other.transport.closed?.code, other.talk?.closed]).toEqual([3004, 1]);
  });

  it('[LINE-4] a line is a client: counted, listed, limited, and ended with its user, its session, its credential and its node', async () => {
    const bed = begin({ maxConnectionsPerUser: 2, expiryGraceMs: 0 });
    const { hub, clock } = bed;
    const bob = open(bed, { user: 'bob', session: 's1' });
    const ada = open(bed, { expiresAtMs: clock.now() + 5_000 });
    const eve = [open(bed, { user: 'eve' }), open(bed, { user: 'eve' })];
    expect(hub.stats()).toMatchObject({ connections: 4, users: 3 });
    const org = hub.forOrg('acme');
    expect(
      org
        .connections({ limit: 10 })
        .connections.map(({ user, codec }) => `${user} ${codec}`)
        .sort(),
    ).toEqual(['ada line', 'bob line', 'eve line', 'eve line']);
    const third = open(bed, { user: 'eve' });
    await clock.advance(0);
    expect([third.transport.closed?.code, third.talk]).toEqual([3504, undefined]);
    // Nothing that a native client would be told is written to it, and nothing is subscribed for it.
    expect(await org.subscribe('room:x', { user: 'ada' })).toBe(0);
    await org.refresh({ user: 'ada' }, clock.now() + 5_000);
    await clock.advance(0);
    expect(ada.transport.documents).toEqual([]);
    await org.disconnect({ user: 'bob', sessions: ['s1'] }, { code: 3014, reason: 'over' });
    expect([bob.transport.closed?.code, bob.talk?.closed]).toEqual([3014, 1]);
    await clock.advance(7_000);
    expect(ada.transport.closed?.code).toBe(3005);
    void hub.drain({ windowMs: 1_000, ratePerSecond: 100 });
    await clock.advance(1_000);
    expect(eve.map(({ transport }) => transport.closed?.code)).toEqual([3001, 3001]);
    expect(hub.stats().connections).toBe(0);
  });

  it('[LINE-5] a peer that is silent after a ping is closed', async () => {
    const bed = begin();
    const profile = { ping: { kind: 'frame', intervalMs: 1_000, pongTimeoutMs: 500 } } as const;
    const [silent, alive] = [open(bed, {}, profile), open(bed, { user: 'bob' }, profile)];
    for (let step = 0; step < 30; step++) {
      await bed.clock.advance(100);
      alive.transport.handlers.onAlive();
    }
    expect([silent.transport.closed?.code, alive.transport.closed]).toEqual([3012, undefined]);
    expect(alive.transport.documents).toEqual([]);
  });

  it('[LINE-5] whom the conversation does not read from is not taken for silent, and has time to answer afterwards', async () => {
    const bed = begin();
    const profile = { ping: { kind: 'transport', intervalMs: 1_000, pongTimeoutMs: 500 } } as const;
    const { transport, talk } = open(bed, {}, profile);
    talk?.line.hold();
    await bed.clock.advance(10_000);
    expect(transport.closed).toBeUndefined();
    talk?.line.release();
    await bed.clock.advance(490);
    expect(transport.closed).toBeUndefined();
    await bed.clock.advance(3_000);
    expect(transport.closed?.code).toBe(3012);
  });
});
