import { describe, expect, test } from 'vitest';
import { createTestHub, type Frame } from './testing.js';

const sub = (reply: Frame): Frame => reply['subscribe'] as Frame;
const errorOf = (reply: Frame): Frame => reply['error'] as Frame;

describe('connecting', () => {
  test('[SESS-1] connect must come first and is answered once', async () => {
    const { peer } = createTestHub();
    const early = peer();
    early.send({ id: 1, subscribe: { channel: 'room:1' } });
    expect(early.transport.closed?.code).toBe(3501);
    const good = peer();
    const result = await good.connect();
    expect(result).toMatchObject({ ping: 25, pong: true });
    expect(String(result['client'])).toMatch(/^[0-9a-f-]{36}$/);
    expect(errorOf(await good.call({ connect: {} }))).toMatchObject({ code: 107 });
  });

  test('[SESS-2] a wrong credential closes with 3500, an expired one is answered 109', async () => {
    const { peer } = createTestHub();
    const wrong = peer();
    wrong.send({ id: 1, connect: {} });
    await wrong.frames();
    expect(wrong.transport.closed?.code).toBe(3500);
    const expired = peer();
    const reply = await expired.call({ connect: { token: 'expired' } });
    expect(errorOf(reply)).toMatchObject({ code: 109 });
  });

  test('[SESS-3] a connection without a first command is closed as stale', async () => {
    const { peer, clock } = createTestHub();
    const idle = peer();
    await clock.advance(14_000);
    expect(idle.transport.closed).toBeUndefined();
    await clock.advance(2_000);
    expect(idle.transport.closed?.code).toBe(3502);
  });

  test('[SESS-4] a peer that shows no life after a ping is closed with 3012, one that answers stays', async () => {
    const { peer, clock } = createTestHub();
    const silent = peer();
    const alive = peer();
    await silent.connect();
    await alive.connect();
    for (let second = 0; second < 120; second++) {
      await clock.advance(1_000);
      for (const frame of await alive.frames()) if (Object.keys(frame).length === 0) alive.send({});
    }
    expect(silent.transport.closed?.code).toBe(3012);
    expect(alive.transport.closed).toBeUndefined();
  });
});

describe('keep-alive', () => {
  test('[SESS-4] a pong deadline beyond the ping interval is refused at start', () => {
    expect(() => createTestHub({ pingIntervalMs: 1_000, pongTimeoutMs: 1_000 })).toThrow(
      /pongTimeoutMs must be less than pingIntervalMs/,
    );
  });

  test('[SESS-4] a reader that is behind but takes what was sent is alive; one that takes nothing is closed', async () => {
    const { peer, clock } = createTestHub();
    const slow = peer();
    const dead = peer();
    for (const one of [slow, dead]) {
      await one.connect();
      one.transport.stall();
    }
    for (let second = 0; second < 60; second++) {
      await clock.advance(1_000);
      if (slow.transport.writes.length > 0) slow.transport.unstall();
      await slow.frames();
      slow.transport.stall();
    }
    expect(dead.transport.closed?.code).toBe(3012);
    expect(slow.transport.closed).toBeUndefined();
  });
});

describe('streams', () => {
  test('[ORD-1] publications reach every subscriber in one order, with consecutive offsets', async () => {
    const { peer } = createTestHub();
    const readers = [peer(), peer(), peer()];
    for (const reader of readers) {
      await reader.connect();
      await reader.call({ subscribe: { channel: 'room:1' } });
      await reader.frames();
    }
    for (let n = 1; n <= 20; n++)
      readers[n % 3]?.send({ id: 100 + n, publish: { channel: 'room:1', data: { n } } });
    const seen = await Promise.all(
      readers.map(async (reader) =>
        (await reader.publications('room:1')).map((pub) => [pub['offset'], (pub['data'] as Frame)['n']]),
      ),
    );
    expect(seen[0]).toHaveLength(20);
    expect(seen[0]?.map(([offset]) => offset)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
  });

  test('[ORD-3] the reply to a publish follows the publication that shows it', async () => {
    const { peer } = createTestHub();
    const one = peer();
    await one.connect();
    await one.call({ subscribe: { channel: 'room:1' } });
    await one.frames();
    one.send({ id: 77, publish: { channel: 'room:1', data: 1 } });
    const kinds = (await one.frames()).map((frame) =>
      frame['id'] === 77 ? 'reply' : (frame['push'] as Frame | undefined)?.['pub'] ? 'pub' : 'other',
    );
    expect(kinds.filter((kind) => kind !== 'other')).toEqual(['pub', 'reply']);
  });

  test('[REC-1] a reader that comes back gets exactly what it missed', async () => {
    const { peer, hub } = createTestHub();
    const first = peer();
    await first.connect();
    const { epoch } = sub(await first.call({ subscribe: { channel: 'room:1' } }));
    await hub.forOrg('acme').publish('room:1', '"a"');
    first.drop();
    await hub.forOrg('acme').publish('room:1', '"b"');
    await hub.forOrg('acme').publish('room:1', '"c"');
    const again = peer();
    await again.connect();
    const result = sub(
      await again.call({ subscribe: { channel: 'room:1', recover: true, epoch, offset: 1 } }),
    );
    expect(result).toMatchObject({ recovered: true, was_recovering: true, offset: 3 });
    expect((result['publications'] as Frame[]).map((pub) => pub['data'])).toEqual(['b', 'c']);
    await hub.forOrg('acme').publish('room:1', '"d"');
    expect((await again.publications()).map((pub) => pub['offset'])).toEqual([4]);
  });

  test('[REC-2] a lost position is told: recovered false, or 112 where asked', async () => {
    const { peer, hub } = createTestHub();
    const one = peer();
    await one.connect();
    await hub.forOrg('acme').publish('room:1', '1');
    const result = sub(
      await one.call({ subscribe: { channel: 'room:1', recover: true, epoch: 'other', offset: 1 } }),
    );
    expect(result).toMatchObject({ was_recovering: true });
    expect(result['recovered']).toBeUndefined();
    expect(result['publications']).toBeUndefined();
    await one.call({ unsubscribe: { channel: 'room:1' } });
    expect(
      errorOf(
        await one.call({
          subscribe: { channel: 'room:1', recover: true, epoch: 'other', offset: 1, flag: 2 },
        }),
      ),
    ).toMatchObject({ code: 112 });
  });

  test('[REC-3] more than a recovery may return is refused, not cut short', async () => {
    const { peer, hub } = createTestHub({ recoveryMaxPublications: 5 });
    const one = peer();
    await one.connect();
    const { epoch } = sub(await one.call({ subscribe: { channel: 'room:1' } }));
    one.drop();
    for (let n = 0; n < 6; n++) await hub.forOrg('acme').publish('room:1', String(n));
    const two = peer();
    await two.connect();
    const result = sub(await two.call({ subscribe: { channel: 'room:1', recover: true, epoch, offset: 0 } }));
    expect(result['recovered']).toBeUndefined();
    expect(result['offset']).toBe(6);
  });

  test('[SESS-5] [ORD-2] subscribe and unsubscribe of one channel run one after another', async () => {
    const { peer } = createTestHub();
    const one = peer();
    await one.connect();
    one.send(
      { id: 11, subscribe: { channel: 'room:1' } },
      { id: 12, unsubscribe: { channel: 'room:1' } },
      { id: 13, subscribe: { channel: 'room:1' } },
      { id: 14, subscribe: { channel: 'room:1' } },
    );
    const replies = (await one.frames()).filter((frame) => frame['id'] !== undefined);
    expect(replies.map((frame) => frame['id'])).toEqual([11, 12, 13, 14]);
    expect(errorOf(replies[3] ?? {})).toMatchObject({ code: 105 });
  });
});

describe('slow readers', () => {
  const fill = 'x'.repeat(1_000);

  test('[DELIV-1] outcome recover: cut off with 2500, back by position, neighbours untouched', async () => {
    const { peer, hub } = createTestHub({ outboxMaxMessages: 10 });
    const slow = peer();
    const fast = peer();
    for (const one of [slow, fast]) {
      await one.connect();
      await one.call({ subscribe: { channel: 'room:1' } });
      await one.frames();
    }
    slow.transport.stall();
    for (let n = 0; n < 50; n++) {
      await hub.forOrg('acme').publish('room:1', JSON.stringify(fill));
      await fast.frames().then((frames) => expect(frames).toHaveLength(1));
    }
    expect(hub.stats().outboxBytes).toBeLessThan(20_000);
    slow.transport.unstall();
    const frames = await slow.frames();
    const last = frames.at(-1)?.['push'] as Frame;
    expect(last['unsubscribe']).toMatchObject({ code: 2500 });
    const offsets = frames.flatMap((frame) =>
      (frame['push'] as Frame)['pub'] ? [((frame['push'] as Frame)['pub'] as Frame)['offset'] as number] : [],
    );
    expect(offsets).toEqual(offsets.map((_, index) => index + 1));
    const epoch = (await hub.forOrg('acme').channel('room:1')).position.epoch;
    const result = sub(
      await slow.call({ subscribe: { channel: 'room:1', recover: true, epoch, offset: offsets.length } }),
    );
    expect(result).toMatchObject({ recovered: true, offset: 50 });
    expect(result['publications']).toHaveLength(50 - offsets.length);
  });

  test('[DELIV-2] outcome gap: the range that was dropped is reported before what follows', async () => {
    const { peer, hub } = createTestHub({
      outboxMaxMessages: 5,
      namespaces: [{ name: 'feed', historySize: 100, overflow: 'gap', allowSubscribe: ['user'] }],
    });
    const slow = peer();
    await slow.connect({}, 'gap');
    expect(sub(await slow.call({ subscribe: { channel: 'feed:1', recoverable: true } }))).toMatchObject({
      data: { tl: { outcome: 'gap' } },
    });
    slow.transport.stall();
    for (let n = 1; n <= 20; n++) {
      await hub.forOrg('acme').publish('feed:1', String(n));
      await slow.frames();
    }
    slow.transport.unstall();
    await hub.forOrg('acme').publish('feed:1', '21');
    const frames = await slow.frames();
    const seen: number[] = [];
    let explained = 0;
    for (const frame of frames) {
      const push = frame['push'] as Frame;
      const gap = ((push['message'] as Frame | undefined)?.['data'] as Frame | undefined)?.['tl'] as
        { gap?: { from: number; to: number } } | undefined;
      if (gap?.gap) {
        expect(gap.gap.from).toBe((seen.at(-1) ?? 0) + 1);
        explained += gap.gap.to - gap.gap.from + 1;
        seen.push(gap.gap.to);
      } else if (push['pub']) seen.push((push['pub'] as Frame)['offset'] as number);
    }
    expect(seen.at(-1)).toBe(21);
    expect(explained).toBeGreaterThan(0);
    expect(frames.filter((frame) => (frame['push'] as Frame)['pub']).length + explained).toBe(21);
  });

  test('[DELIV-2] outcome latest: the newest value arrives, what it replaced is reported', async () => {
    const { peer, hub } = createTestHub({
      outboxMaxMessages: 3,
      namespaces: [{ name: 'price', historySize: 100, overflow: 'latest', allowSubscribe: ['user'] }],
    });
    const slow = peer();
    await slow.connect({}, 'gap');
    await slow.call({ subscribe: { channel: 'price:1', recoverable: true } });
    slow.transport.stall();
    for (let n = 1; n <= 20; n++) {
      await hub.forOrg('acme').publish('price:1', String(n));
      await slow.frames();
    }
    slow.transport.unstall();
    const pubs = await slow.publications();
    expect(pubs.at(-1)).toMatchObject({ data: 20, offset: 20 });
    expect(pubs.length).toBeLessThan(6);
  });

  test('[DELIV-3] a stock reader of a gap channel is cut, never skipped', async () => {
    const { peer, hub } = createTestHub({
      outboxMaxMessages: 5,
      namespaces: [{ name: 'feed', historySize: 100, overflow: 'gap', allowSubscribe: ['user'] }],
    });
    const slow = peer();
    await slow.connect();
    await slow.call({ subscribe: { channel: 'feed:1', recoverable: true } });
    slow.transport.stall();
    for (let n = 1; n <= 20; n++) {
      await hub.forOrg('acme').publish('feed:1', String(n));
      await slow.frames();
    }
    slow.transport.unstall();
    const frames = await slow.frames();
    expect(frames.at(-1)?.['push']).toMatchObject({ unsubscribe: { code: 2500 } });
  });

  test('[DELIV-5] what one connection gets in one turn leaves in one write', async () => {
    const { peer, hub } = createTestHub();
    const one = peer();
    await one.connect();
    await one.call({ subscribe: { channel: 'room:1' } });
    await one.frames();
    const before = one.transport.writes.length;
    await Promise.all(Array.from({ length: 10 }, (_, n) => hub.forOrg('acme').publish('room:1', String(n))));
    await one.frames();
    expect(one.transport.writes.slice(before)).toEqual([10]);
  });

  test('[DELIV-6] a peer that commands without reading is not read from', async () => {
    const { peer } = createTestHub({ outboxMaxBytes: 10_000 });
    const greedy = peer();
    await greedy.connect();
    greedy.transport.stall();
    for (let n = 0; n < 200 && !greedy.transport.paused && !greedy.transport.closed; n++) {
      greedy.send({ id: 1000 + n, publish: { channel: 'nowhere:x', data: 1 } });
      await greedy.frames();
    }
    expect(greedy.transport.paused).toBe(true);
    expect(greedy.transport.closed).toBeUndefined();
    greedy.transport.unstall();
    expect(greedy.transport.paused).toBe(false);
  });
});

describe('walls', () => {
  test('[WALL-1] one name in two orgs is two channels', async () => {
    const { peer, hub } = createTestHub();
    const acme = peer();
    const rival = peer();
    await acme.connect({ org: 'acme' });
    await rival.connect({ org: 'rival', user: 'eve' });
    await acme.call({ subscribe: { channel: 'room:1' } });
    await rival.call({ subscribe: { channel: 'room:1' } });
    await acme.frames();
    await rival.frames();
    await acme.call({ publish: { channel: 'room:1', data: 'ours' } });
    expect(await rival.publications()).toEqual([]);
    expect((await rival.call({ presence: { channel: 'room:1' } }))['presence']).toMatchObject({
      presence: expect.not.objectContaining({ ada: expect.anything() }) as unknown,
    });
    expect(
      Object.keys(
        ((await rival.call({ presence: { channel: 'room:1' } }))['presence'] as Frame)['presence'] as Frame,
      ),
    ).toHaveLength(1);
    expect((await rival.call({ history: { channel: 'room:1', limit: 10 } }))['history']).not.toHaveProperty(
      'publications',
    );
    expect(hub.forOrg('rival').connections({ user: 'ada' }).total).toBe(0);
  });

  test('[WALL-3] absent, forbidden and unknown answer alike', async () => {
    const { peer } = createTestHub();
    const one = peer();
    await one.connect();
    for (const action of ['subscribe', 'presence', 'history'] as const) {
      const forbidden = errorOf(await one.call({ [action]: { channel: 'secret:1' } }));
      const absent = errorOf(await one.call({ [action]: { channel: 'nothing:1' } }));
      expect(absent).toEqual(forbidden);
      expect(forbidden).toEqual({ code: 103, message: 'permission denied' });
    }
  });
});

describe('maps', () => {
  test('[MAP-1] pages of state, then live, without losing what changes in between', async () => {
    const { peer, hub } = createTestHub();
    const api = hub.forOrg('acme');
    for (let n = 0; n < 5; n++) await api.mapPublish('map:1', `k${n}`, String(n));
    const one = peer();
    await one.connect();
    const first = sub(await one.call({ subscribe: { channel: 'map:1', type: 1, phase: 2, limit: 2 } }));
    expect(first).toMatchObject({ phase: 2, cursor: 'k1' });
    await api.mapPublish('map:1', 'k0', '"changed"');
    await api.mapRemove('map:1', 'k1');
    await api.mapPublish('map:1', 'k9', '9');
    const { epoch, offset } = first;
    const second = sub(
      await one.call({
        subscribe: { channel: 'map:1', type: 1, phase: 2, limit: 10, cursor: 'k1', epoch, offset },
      }),
    );
    expect(second['phase']).toBeUndefined();
    const state = new Map<unknown, unknown>();
    for (const page of [first, second])
      for (const entry of page['state'] as Frame[]) state.set(entry['key'], entry['data']);
    for (const change of second['publications'] as Frame[]) {
      if (change['removed']) state.delete(change['key']);
      else state.set(change['key'], change['data']);
    }
    expect(Object.fromEntries(state)).toEqual({ k0: 'changed', k2: 2, k3: 3, k4: 4, k9: 9 });
    await api.mapPublish('map:1', 'k2', '"live"');
    expect((await one.publications()).map((pub) => [pub['key'], pub['data'], pub['offset']])).toEqual([
      ['k2', 'live', 9],
    ]);
  });

  test('[MAP-2] a persistent map recovers by offset; a lost position is 112', async () => {
    const { peer, hub } = createTestHub();
    const api = hub.forOrg('acme');
    await api.mapPublish('map:1', 'a', '1');
    const one = peer();
    await one.connect();
    const { epoch, offset } = sub(await one.call({ subscribe: { channel: 'map:1', type: 1, phase: 2 } }));
    await one.call({ unsubscribe: { channel: 'map:1' } });
    await api.mapPublish('map:1', 'b', '2');
    expect(
      sub(
        await one.call({ subscribe: { channel: 'map:1', type: 1, phase: 1, recover: true, epoch, offset } }),
      ),
    ).toMatchObject({ recovered: true, publications: [{ key: 'b', data: 2 }] });
    await one.call({ unsubscribe: { channel: 'map:1' } });
    expect(
      errorOf(
        await one.call({
          subscribe: { channel: 'map:1', type: 1, phase: 1, recover: true, epoch: 'gone', offset },
        }),
      ),
    ).toMatchObject({ code: 112 });
  });
});
