/** Limits: what goes over one is answered or closed with its code, what stays within works, and a large reconnect stays within. */
import { describe, expect, it } from 'vitest';
import { StreamChecker, nextEvent, until, type Document } from '@trunkline/testkit';
import { useBed } from '../support/bed.js';
import { orgKey, orgToken, TWO_ORGS } from '../support/orgs.js';

const MANY = 10_000;
const bed = useBed(() => ({
  config: { ...TWO_ORGS, client: { maxConnectionsPerUser: 5, firstCommandTimeout: '1s' } },
}));

async function member(user = 'ann'): Promise<Awaited<ReturnType<typeof bed.raw>>> {
  const raw = await bed.raw();
  expect((await raw.connect({ token: await orgToken('acme', user) })).error).toBeUndefined();
  return raw;
}

/** Sends `command` `count` times in one frame; resolves once every one was answered, or with the close code. */
async function flood(command: object, count: number) {
  const raw = await member();
  raw.sendAll(Array.from({ length: count }, (_, index) => ({ id: index + 1_000, ...command })));
  const answers = (): Document[] => raw.documents.filter(({ id = 0 }) => id >= 1_000);
  const closed = await Promise.race([
    raw.closed.then(({ code }) => code),
    until('all are answered', () => answers().length === count, 30_000, 50).then(() => undefined),
  ]);
  return {
    raw,
    closed,
    codes: new Set(answers().flatMap(({ error }) => (error === undefined ? [] : [error.code]))),
  };
}

describe('limits of frames', () => {
  it('[WS-15] a frame of exactly the limit passes, one byte more ends the connection', async () => {
    const raw = await member();
    const frame = (bytes: number): string => {
      const empty = JSON.stringify({ id: 9, rpc: { method: 'x', data: '' } });
      return empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`);
    };
    raw.send(frame(2 * 1024 * 1024));
    expect((await raw.expect('its answer', ({ id }) => id === 9)).error).toBeDefined();
    raw.send(frame(2 * 1024 * 1024 + 1));
    expect([1009, 3501]).toContain((await raw.closed).code);
  });

  it('[WIRE-3] more commands in a frame than allowed end the connection', async () => {
    const raw = await member();
    raw.sendAll(Array.from({ length: 10_002 }, (_, index) => ({ id: index + 10, ping: {} })));
    expect([3501, 3013]).toContain((await raw.closed).code);
  });

  it('[WIRE-4] nesting up to the limit passes, deeper ends the connection', async () => {
    const raw = await member();
    const nested = (depth: number): string =>
      `{"id":9,"publish":{"channel":"open:deep","data":${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}}}`;
    raw.send(nested(64));
    expect((await raw.expect('its answer', ({ id }) => id === 9)).error).toBeUndefined();
    raw.send(nested(65));
    expect((await raw.closed).code).toBe(3501);
  });

  it('[SESS-3] no command in time, or another one first, ends the connection', async () => {
    expect((await (await bed.raw()).closed).code).toBe(3502);
    const hasty = await bed.raw();
    hasty.sendAll([{ id: 1, subscribe: { channel: 'open:x' } }]);
    expect((await hasty.closed).code).toBe(3501);
  });

  it('[SESS-6] a publication of the limit passes, a larger one is refused', async () => {
    const raw = await member();
    const sized = (bytes: number): object => ({
      publish: { channel: 'open:big', data: 'x'.repeat(bytes - 2) },
    });
    expect((await raw.request(sized(1_000_000))).error).toBeUndefined();
    expect([106, 107]).toContain((await raw.request(sized(1_000_001))).error?.code);
    expect(raw.open).toBe(true);
  });

  it('[SESS-6] commands beyond the rate are told or the connection is closed with 3013; the allowance comes back', async () => {
    const command = { presence_stats: { channel: 'open:x' } };
    const { raw, codes, closed } = await flood(command, 8_000);
    expect(codes).toContain(111);
    if (closed !== undefined) return expect(closed).toBe(3013);
    const again = async (): Promise<boolean> => (await raw.request(command)).error === undefined;
    await until('the allowance is back', again, 20_000, 200);
  });

  it('[SESS-6] commands that cannot be read count against the rate like others', async () => {
    const { codes, closed } = await flood({ nonsense: {} }, 8_000);
    expect([...codes].sort()).toEqual([104, 111]);
    expect([undefined, 3013]).toContain(closed);
  });

  it('[SESS-6] connections of one user beyond the limit are refused with 3504', async () => {
    const present = await Promise.all(Array.from({ length: 5 }, () => member('eager')));
    const late = await bed.raw();
    const outcome = await Promise.race([
      late.connect({ token: await orgToken('acme', 'eager') }).then(
        (reply) => reply.error?.code ?? 0,
        () => undefined,
      ),
      late.closed.then(({ code }) => code),
    ]);
    expect(outcome ?? (await late.closed).code).toBe(3504);
    present[0]?.dispose();
    await until('a place is free', async () => {
      const raw = await bed.raw();
      const reply = await raw.connect({ token: await orgToken('acme', 'eager') }).catch(() => undefined);
      return reply !== undefined && reply.error === undefined;
    });
  });
});

describe('limits of the entrance', () => {
  it('[WS-5] attempts of one address beyond the rate are answered 429, later ones are welcome', async () => {
    const server = await bed.kit.server({
      config: { ...TWO_ORGS, server: { connectionAttemptsPerSecond: 1, connectionAttemptsBurst: 5 } },
    });
    const attempts = await Promise.all(
      Array.from({ length: 20 }, () =>
        bed.kit.raw(server.wsUrl).then(
          () => 'open',
          (error: Error) => error.message,
        ),
      ),
    );
    expect(attempts.filter((outcome) => outcome === 'open').length).toBeGreaterThanOrEqual(5);
    expect(attempts.filter((outcome) => outcome.includes('429')).length).toBeGreaterThanOrEqual(5);
    await until(
      'a later one is welcome',
      () =>
        bed.kit.raw(server.wsUrl).then(
          () => true,
          () => false,
        ),
      20_000,
      300,
    );
  });
});

describe('many subscriptions', () => {
  it('[SESS-6] 10,000 on one connection come back in one frame', async () => {
    const channels = Array.from(
      { length: MANY },
      (_, index) => `open:many_${String(index).padStart(5, '0')}_${'x'.repeat(40)}`,
    );
    const token = await orgToken('acme', 'collector');
    const commands = (positions?: ReadonlyMap<string, { epoch: string; offset: number }>): object[] => [
      { id: 1, connect: { token } },
      ...channels.map((channel, index) => {
        const position = positions?.get(channel);
        return {
          id: index + 2,
          subscribe: { channel, recoverable: true, ...(position ? { recover: true, ...position } : {}) },
        };
      }),
    ];
    const first = await bed.raw();
    first.sendAll(commands());
    await first.expect('the last reply', ({ id }) => id === MANY + 1, 30_000);
    const replies = first.documents.filter(({ id }) => id !== undefined);
    expect(replies).toHaveLength(MANY + 1);
    expect(replies.filter(({ error }) => error !== undefined)).toEqual([]);
    const positions = new Map(
      replies.slice(1).map((reply) => {
        const { epoch = '', offset = 0 } = reply['subscribe'] as { epoch?: string; offset?: number };
        return [channels[(reply.id as number) - 2] as string, { epoch, offset }];
      }),
    );
    first.sendAll([{ id: MANY + 2, subscribe: { channel: 'open:one_more' } }]);
    expect((await first.expect('a refusal', ({ id }) => id === MANY + 2)).error?.code).toBe(106);
    first.dispose();
    for (const channel of channels.slice(0, 20))
      await bed.server.api('publish', { channel, data: { missed: channel } }, orgKey('acme'));

    const second = await bed.raw();
    second.sendAll(commands(positions));
    await second.expect('the last reply', ({ id }) => id === MANY + 1, 30_000);
    const back = second.documents.filter(
      (document): document is Document & { subscribe: object } => 'subscribe' in document,
    );
    expect(
      back.filter((document) => (document.subscribe as { recovered?: boolean }).recovered === true),
    ).toHaveLength(MANY);
    const missed = back.flatMap(
      (document) =>
        (document.subscribe as { publications?: { data: { missed: string } }[] }).publications ?? [],
    );
    expect(missed.map(({ data }) => data.missed)).toEqual(channels.slice(0, 20));
  });

  it('[REC-1] a stock client with 10,000 subscriptions recovers them all after a cut', async () => {
    const proxy = await bed.kit.proxy(bed.server);
    const stock = bed.kit.stock(proxy.wsUrl, { token: await orgToken('acme', 'stock') });
    const count = MANY;
    const checkers = Array.from({ length: count }, (_, index) => {
      const subscription = stock.client.newSubscription(`open:stock_${index}`);
      const checker = new StreamChecker(`stock ${index}`);
      subscription.on('publication', ({ data, offset }) =>
        checker.message((data as { seq: number }).seq, offset),
      );
      subscription.on('subscribed', ({ wasRecovering, recovered }) => {
        if (wasRecovering && !recovered) checker.told('recovered: false');
      });
      subscription.subscribe();
      return checker;
    });
    await stock.connect();
    await until(
      'all are subscribed',
      () => Object.values(stock.client.subscriptions()).every(({ state }) => state === 'subscribed'),
      20_000,
    );
    const lost = nextEvent(stock.client, 'connecting');
    proxy.cut();
    await lost;
    const channels = checkers.map((_, index) => `open:stock_${index}`);
    for (let start = 0; start < count; start += 1_000) {
      expect(
        (
          await bed.server.api(
            'broadcast',
            { channels: channels.slice(start, start + 1_000), data: { seq: 1 } },
            orgKey('acme'),
          )
        ).status,
      ).toBe(200);
    }
    proxy.restore();
    await until('all have what they missed', () => checkers.every(({ last }) => last === 1), 20_000);
    for (const checker of checkers) checker.verify(1);
  });
});
