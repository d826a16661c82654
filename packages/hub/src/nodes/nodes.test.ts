import { silentLogger } from '@trunkline/base';
import { FakeClock, MemoryLogger } from '@trunkline/base/testing';
import { CodedError } from '@trunkline/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OrgApi } from '../ports/api.js';
import { answerInOrg, answerOnNode } from '../ports/nodes.js';
import type { Kind } from '../ports/questions.js';
import { decodeNodeMessage, encodeNodeMessage, isNodeMessage } from './message.js';
import { HubNodes, type NodesOptions } from './nodes.js';

const OPTIONS: NodesOptions = {
  announceIntervalMs: 1_000,
  expiryMs: 3_500,
  max: 16,
  askTimeoutMs: 500,
  messageMaxBytes: 10_000,
  pageBytes: 1_000,
};

/** Echoes texts. */
const ECHO: Kind<string, string> = { name: 'echo', question: toText, answer: toText };
const COUNT: Kind<null, number> = { name: 'count', question: () => null, answer: toNumber };

function toText(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a text is expected');
  return value;
}

function toNumber(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('a number is expected');
  return value;
}

interface Sent {
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** A wire between nodes: each message goes where `route` says, at once unless told otherwise. */
class Wire {
  readonly clock = new FakeClock();
  readonly nodes = new Map<string, HubNodes>();
  readonly sent: Sent[] = [];
  down = false;
  /** Returns the delays after which a message arrives; none: it is lost. */
  fate: (sent: Sent) => readonly number[] = () => [0];

  start(id: string, options: Partial<NodesOptions> = {}, logger = silentLogger): HubNodes {
    const nodes = new HubNodes(
      {
        clock: this.clock,
        logger,
        nodeId: id,
        facts: () => ({
          name: `node ${id}`,
          version: '1',
          startedAtMs: 5,
          uptimeMs: 7,
          connections: 1,
          users: 1,
          orgs: 1,
          subscriptions: 2,
          channels: 3,
        }),
        forOrg: (org) => ({ org, stats: () => ({ connections: org.length }) }) as unknown as OrgApi,
        send: async (text, to) => {
          if (this.down) throw new CodedError('sourceUnavailable', 'away');
          this.#carry(id, text, to);
        },
        address: `at ${id}`,
      },
      { ...OPTIONS, ...options },
    );
    this.nodes.set(id, nodes);
    nodes.start();
    return nodes;
  }

  #carry(from: string, text: string, to: string | undefined): void {
    for (const [id, nodes] of this.nodes) {
      if (id === from || (to !== undefined && to !== `at ${id}`)) continue;
      const sent = { from, to: id, text };
      this.sent.push(sent);
      for (const delay of this.fate(sent)) this.clock.setTimeout(() => nodes.receive(text), delay);
    }
  }

  ids(id: string): readonly string[] {
    return (
      this.nodes
        .get(id)
        ?.list()
        .map(({ node }) => node) ?? []
    );
  }
}

const echo = (nodes: HubNodes) => nodes.register(answerOnNode(ECHO, (text) => `${nodes.id}:${text}`));

async function three(): Promise<{ wire: Wire; a: HubNodes; b: HubNodes; c: HubNodes }> {
  const wire = new Wire();
  const [a, b, c] = [wire.start('a'), wire.start('b'), wire.start('c')] as const;
  await wire.clock.advance(0);
  return { wire, a, b, c };
}

describe('membership', () => {
  test('[ASK-1] nodes know one another after one exchange, and what each says of itself', async () => {
    const { wire, a } = await three();
    for (const id of ['a', 'b', 'c'])
      expect(wire.ids(id)).toEqual([id, ...['a', 'b', 'c'].filter((other) => other !== id)]);
    await wire.clock.advance(400);
    expect(a.list()[1]).toEqual({
      node: 'b',
      name: 'node b',
      version: '1',
      startedAtMs: 5,
      uptimeMs: 407,
      connections: 1,
      users: 1,
      orgs: 1,
      subscriptions: 2,
      channels: 3,
      self: false,
      heardMs: 400,
    });
    expect(a.list()[0]).toMatchObject({ node: 'a', self: true, heardMs: 0 });
  });

  test('[ASK-1] a silent node expires, one that stops is gone at once, one that comes back is there again', async () => {
    const { wire, b } = await three();
    wire.fate = ({ from }) => (from === 'c' ? [] : [0]);
    await wire.clock.advance(3_400);
    expect(wire.ids('a')).toEqual(['a', 'b', 'c']);
    await wire.clock.advance(200);
    expect(wire.ids('a')).toEqual(['a', 'b']);
    await b.dispose();
    await wire.clock.advance(0);
    expect(wire.ids('a')).toEqual(['a']);
    wire.fate = () => [0];
    await wire.clock.advance(1_000);
    expect(wire.ids('a')).toEqual(['a', 'c']);
  });

  test('[ASK-1] a goodbye of an earlier life does not send the present one away', async () => {
    const { wire, b } = await three();
    wire.fate = ({ text }) => (text.includes('node.bye') ? [300] : [0]);
    await b.dispose();
    await wire.clock.advance(1);
    wire.start('b');
    await wire.clock.advance(200);
    expect(wire.ids('a')).toEqual(['a', 'b', 'c']);
    await wire.clock.advance(500);
    expect(wire.ids('a')).toEqual(['a', 'b', 'c']);
  });

  test('[ASK-1] the table is bounded', async () => {
    const wire = new Wire();
    const a = wire.start('a', { max: 2 });
    for (const id of ['b', 'c', 'd', 'e']) wire.start(id);
    await wire.clock.advance(10);
    expect(a.list()).toHaveLength(3);
    expect(a.traffic().malformed).toBeGreaterThan(0);
  });

  test('[ASK-1] two processes under one id are told of once, and harm nobody', async () => {
    const wire = new Wire();
    const logger = new MemoryLogger();
    const a = wire.start('a', {}, logger);
    for (let n = 0; n < 3; n++)
      a.receive(
        encodeNodeMessage({ type: 'tell', from: 'a', boot: 'other', kind: 'node.here', bytes: '{}' }),
      );
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(a.list()).toHaveLength(1);
  });

  test('[ASK-1] with an interval of 0 a node is silent and alone', async () => {
    const wire = new Wire();
    const a = wire.start('a', { announceIntervalMs: 0 });
    wire.start('b');
    await wire.clock.advance(5_000);
    expect(a.list()).toHaveLength(1);
    expect(wire.sent.filter(({ from }) => from === 'a')).toEqual([]);
  });
});

describe('questions', () => {
  test('[ASK-2] each node answers once, this one first', async () => {
    const { wire, a, b, c } = await three();
    for (const nodes of [c, b, a]) echo(nodes);
    const survey = a.ask(ECHO, 'x');
    await wire.clock.advance(0);
    expect(await survey).toEqual({
      replies: [
        { node: 'a', answer: 'a:x' },
        { node: 'b', answer: 'b:x' },
        { node: 'c', answer: 'c:x' },
      ],
      failures: [],
    });
    const some = a.ask(ECHO, 'y', { nodes: ['c', 'gone', 'c'] });
    await wire.clock.advance(0);
    expect(await some).toEqual({
      replies: [{ node: 'c', answer: 'c:y' }],
      failures: [{ node: 'gone', code: 1004, message: 'not found: no such node' }],
    });
    const others = a.ask(ECHO, 'z', { nodes: 'others' });
    await wire.clock.advance(0);
    expect((await others).replies.map(({ node }) => node)).toEqual(['b', 'c']);
  });

  test('[ASK-2] what fails is told per node with its code', async () => {
    const { wire, a, b, c } = await three();
    echo(a);
    b.register(
      answerOnNode(ECHO, () => {
        throw new CodedError('conflict', 'not now');
      }),
    );
    const survey = a.ask(ECHO, 'x');
    await wire.clock.advance(0);
    expect((await survey).failures).toEqual([
      { node: 'b', code: 1003, message: 'conflict: not now' },
      { node: 'c', code: 104, message: expect.stringContaining('echo') as string },
    ]);
    c.register(
      answerOnNode({ ...ECHO, question: toNumber } as unknown as Kind<string, string>, () => 'never'),
    );
    b.dispose().catch(() => undefined);
    await wire.clock.advance(0);
    const refused = a.ask(ECHO, 'x');
    await wire.clock.advance(0);
    expect((await refused).failures).toEqual([
      { node: 'c', code: 107, message: 'bad request: a number is expected' },
    ]);
  });

  test('[ASK-2] an unexpected fault says nothing of its cause, an unreadable answer is a failure', async () => {
    const { wire, a, b, c } = await three();
    b.register(
      answerOnNode(ECHO, () => {
        throw new Error('a secret');
      }),
    );
    c.register(
      answerOnNode(
        { ...ECHO, answer: toNumber } as unknown as Kind<string, string>,
        () => 7 as unknown as string,
      ),
    );
    const survey = a.ask(ECHO, 'x', { nodes: 'others' });
    await wire.clock.advance(0);
    expect((await survey).failures.map(({ node, code }) => [node, code])).toEqual([
      ['b', 100],
      ['c', 100],
    ]);
    expect(JSON.stringify(await survey)).not.toContain('secret');
  });

  test('[ASK-3] a question settles at its deadline, and later answers are strays', async () => {
    const { wire, a, b, c } = await three();
    for (const nodes of [a, b, c]) echo(nodes);
    wire.fate = ({ from }) => (from === 'c' ? [300] : [0, 0]);
    const survey = a.ask(ECHO, 'x', { deadlineMs: 200 });
    await wire.clock.advance(199);
    let settled = false;
    void survey.then(() => (settled = true));
    await wire.clock.advance(0);
    expect(settled).toBe(false);
    await wire.clock.advance(1);
    expect(await survey).toMatchObject({
      replies: [{ node: 'a' }, { node: 'b' }],
      failures: [{ node: 'c', code: 1001 }],
    });
    const before = a.traffic().stray;
    await wire.clock.advance(200);
    expect(a.traffic().stray).toBe(before + 1);
  });

  test('[ASK-3] a node that stops, restarts or expires is not waited for', async () => {
    const { wire, a, b } = await three();
    echo(a);
    wire.fate = ({ text }) => (text.includes('"ask"') ? [] : [0]);
    const survey = a.ask(ECHO, 'x');
    await wire.clock.advance(1);
    await b.dispose();
    wire.nodes.delete('c');
    wire.start('c');
    await wire.clock.advance(0);
    expect((await survey).failures.map(({ node, code }) => [node, code])).toEqual([
      ['b', 1004],
      ['c', 1004],
    ]);
    expect(wire.clock.monotonic()).toBeLessThan(500);
  });

  test('[ASK-3] alone nobody is waited for and nothing is sent', async () => {
    const wire = new Wire();
    const a = wire.start('a');
    echo(a);
    expect(await a.ask(ECHO, 'x')).toEqual({ replies: [{ node: 'a', answer: 'a:x' }], failures: [] });
    expect(await a.ask(ECHO, 'x', { nodes: 'others' })).toEqual({ replies: [], failures: [] });
    expect(a.traffic().sent).toBe(1);
  });

  test('[ASK-3] an own answer that hangs is not waited for beyond the deadline, one that throws is thrown', async () => {
    const { wire, a } = await three();
    let aborted = false;
    const registered = a.register(
      answerOnNode(ECHO, (_text, { signal }) => {
        signal.addEventListener('abort', () => (aborted = true));
        return new Promise<string>(() => undefined);
      }),
    );
    const survey = a.ask(ECHO, 'x', { nodes: ['a'] });
    await wire.clock.advance(500);
    expect((await survey).failures).toMatchObject([{ node: 'a', code: 1001 }]);
    expect(aborted).toBe(true);
    await registered.dispose();
    a.register(
      answerOnNode(ECHO, () => {
        throw new CodedError('unknownChannel');
      }),
    );
    await expect(a.ask(ECHO, 'x')).rejects.toThrow('unknown channel');
  });

  test('[ASK-3] a broker that is away is told at once', async () => {
    const { wire, a } = await three();
    echo(a);
    wire.down = true;
    const survey = a.ask(ECHO, 'x');
    await wire.clock.advance(0);
    expect(await survey).toEqual({
      replies: [{ node: 'a', answer: 'a:x' }],
      failures: [
        { node: 'b', code: 1000, message: 'source unavailable: away' },
        { node: 'c', code: 1000, message: 'source unavailable: away' },
      ],
    });
  });

  test('[ASK-4] a question in an org is answered with that org, and with no other', async () => {
    const { wire, a, b } = await three();
    for (const nodes of [a, b]) nodes.register(answerInOrg(COUNT, (org) => org.org.length));
    for (const [org, count] of [
      ['acme', 4],
      ['umbrella', 8],
    ] as const) {
      const survey = a.askIn(org, COUNT, null, { nodes: ['a', 'b'] });
      await wire.clock.advance(0);
      expect((await survey).replies).toEqual([
        { node: 'a', answer: count },
        { node: 'b', answer: count },
      ]);
    }
    // Without an org, or with one where none belongs, there is no answer.
    await expect(a.ask(COUNT, null)).rejects.toThrow('names no org');
    echo(a);
    await expect(a.askIn('acme', ECHO, 'x')).rejects.toThrow('names an org');
    // An answer that says another org than the question is not its answer.
    wire.fate = ({ from, to, text }) => {
      if (from === 'b' && text.includes('"reply"'))
        wire.nodes.get(to)?.receive(text.replace('acme', 'rival'));
      return [];
    };
    const forged = a.askIn('acme', COUNT, null, { nodes: ['b'] });
    await wire.clock.advance(500);
    expect((await forged).replies).toEqual([]);
  });

  test('[ASK-5] at most so many at once, on both sides', async () => {
    const { wire, a, b } = await three();
    const kind = { ...ECHO, atOnce: 2 };
    wire.fate = ({ text }) => (text.includes('"ask"') ? [] : [0]);
    const open = [a.ask(kind, '1', { nodes: ['b'] }), a.ask(kind, '2', { nodes: ['b'] })];
    await expect(a.ask(kind, '3', { nodes: ['b'] })).rejects.toMatchObject({ code: 111 });
    await wire.clock.advance(500);
    await Promise.all(open);
    wire.fate = () => [0];
    let running = 0;
    b.register(answerOnNode(kind, () => (running++, new Promise<string>(() => undefined))));
    const many = { ...ECHO, atOnce: 10 };
    const surveys = Array.from({ length: 5 }, (_, n) => a.ask(many, `${n}`, { nodes: ['b'] }));
    await wire.clock.advance(500);
    expect(
      (await Promise.all(surveys)).flatMap(({ failures }) => failures.map(({ code }) => code)).sort(),
    ).toEqual([1001, 1001, 111, 111, 111]);
    expect(running).toBe(2);
  });

  test('[ASK-5] what is too large is refused by its sender, question and answer alike', async () => {
    const { wire, a, b } = await three();
    await expect(
      a.ask(ECHO, 'x'.repeat(10_001), { nodes: ['b'] }).then(({ failures }) => failures),
    ).resolves.toMatchObject([{ node: 'b', code: 106 }]);
    b.register(answerOnNode(ECHO, () => '€'.repeat(3_400)));
    const survey = a.ask(ECHO, 'x', { nodes: ['b'] });
    await wire.clock.advance(0);
    expect((await survey).failures).toEqual([
      { node: 'b', code: 106, message: 'limit exceeded: bytes of the answer' },
    ]);
    b.receive(`@${'{'.repeat(20_000)}`);
    expect(b.traffic().malformed).toBe(1);
  });

  test('[ASK-5] what does not fit a page is known to the one who answers, and bytes travel unchanged', async () => {
    const { wire, a, b } = await three();
    const seen: unknown[] = [];
    b.register(
      answerOnNode(ECHO, (_text, { bytes, pageBytes, from }) => {
        seen.push(bytes, pageBytes, from);
        return 'ok';
      }),
    );
    for (const bytes of ['a\nb "€"', new Uint8Array([0, 10, 255])]) {
      const survey = a.ask(ECHO, 'x', { nodes: ['b'], bytes });
      await wire.clock.advance(0);
      await survey;
    }
    expect(seen).toEqual(['a\nb "€"', 1_000, 'a', new Uint8Array([0, 10, 255]), 1_000, 'a']);
  });
});

describe('messages', () => {
  test('[ASK-6] one way, in the order of the calls, to one node or to all others', async () => {
    const { wire, a, b, c } = await three();
    const heard: string[] = [];
    for (const nodes of [b, c])
      nodes.hear('note', (from, bytes) => heard.push(`${nodes.id} of ${from}: ${String(bytes)}`));
    for (let n = 1; n <= 3; n++) void a.tell('b', 'note', `${n}`);
    await a.tell('others', 'note', 'all');
    await wire.clock.advance(0);
    expect(heard.filter((line) => line.startsWith('b'))).toEqual([
      'b of a: 1',
      'b of a: 2',
      'b of a: 3',
      'b of a: all',
    ]);
    expect(heard.filter((line) => line.startsWith('c'))).toEqual(['c of a: all']);
    await expect(a.tell('nobody', 'note', '')).rejects.toMatchObject({ code: 1004 });
    expect(() => b.hear('note', () => undefined)).toThrow('heard already');
    expect(() => echo(b) && echo(b)).toThrow('answered already');
  });

  test('[ASK-6] whatever arrives, nothing is thrown and what cannot be read is counted', () => {
    const wire = new Wire();
    const a = wire.start('a');
    const well = encodeNodeMessage({
      type: 'ask',
      from: 'b',
      boot: 'x',
      id: 'x.1',
      kind: 'echo',
      withinMs: 10,
      value: 1,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc
            .tuple(fc.nat(well.length - 1), fc.string({ maxLength: 3 }))
            .map(([at, text]) => well.slice(0, at) + text + well.slice(at + 1)),
          fc
            .record(
              {
                type: fc.constantFrom('tell', 'ask', 'reply', 'x'),
                from: fc.constant('b'),
                boot: fc.constant('x'),
              },
              { requiredKeys: [] },
            )
            .map((head) => `@${JSON.stringify(head)}\nnull\n`),
        ),
        (text) => {
          const { malformed, received, stray } = a.traffic();
          a.receive(text);
          const now = a.traffic();
          expect(now.received - received).toBeLessThanOrEqual(1);
          if (now.received > received && decodeNodeMessage(text, 'a') === undefined)
            expect(now.malformed).toBe(malformed + 1);
          expect(now.stray).toBeGreaterThanOrEqual(stray);
        },
      ),
      { numRuns: 500, seed: 1 },
    );
    expect(a.list()).toHaveLength(1);
  });

  test('[ASK-6] what is written is read back, whoever wrote it', () => {
    const name = fc.string({ minLength: 1, maxLength: 40 });
    const kind = fc.stringMatching(/^[A-Za-z0-9._-]{1,40}$/);
    const bytes = fc.option(fc.oneof(fc.string(), fc.uint8Array()), { nil: undefined });
    const org = fc.option(fc.constantFrom('acme', 'a.b-c'), { nil: undefined });
    const head = { from: name, boot: name };
    const message = fc.oneof(
      fc.record({
        ...head,
        type: fc.constant('tell' as const),
        kind,
        bytes: fc.oneof(fc.string(), fc.uint8Array()),
      }),
      fc.record({
        ...head,
        type: fc.constant('ask' as const),
        id: name,
        kind,
        org,
        withinMs: fc.nat(1_000),
        value: fc.jsonValue(),
        bytes,
      }),
      fc.record({
        ...head,
        type: fc.constant('reply' as const),
        to: fc.constant('me'),
        id: name,
        org,
        outcome: fc.oneof(
          fc.record({ value: fc.jsonValue() }),
          fc.record({ error: fc.record({ code: fc.nat(), message: fc.string() }) }),
        ),
      }),
    );
    fc.assert(
      fc.property(message, (given) => {
        const plain = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
        const text = encodeNodeMessage(plain as never);
        expect(isNodeMessage(text)).toBe(true);
        const same = decodeNodeMessage(text, 'me');
        expect(same).toEqual(JSON.parse(JSON.stringify(plain, hexed), unhexed));
      }),
      { numRuns: 300, seed: 2 },
    );
  });
});

/** As JSON would carry it (-0 becomes 0), bytes apart. */
function hexed(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { hexed: Buffer.from(value).toString('hex') } : value;
}

function unhexed(_key: string, value: unknown): unknown {
  const hex = (value as { readonly hexed?: string } | null)?.hexed;
  return hex === undefined ? value : new Uint8Array(Buffer.from(hex, 'hex'));
}

describe('chance', () => {
  test('[ASK-3] [ASK-4] whatever the broker loses, repeats or delays, every question settles in time with answers of its own', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const wire = new Wire();
      let state = seed;
      const dice = (sides: number): number => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        return Math.floor((state / 2_147_483_648) * sides);
      };
      wire.fate = () =>
        Array.from({ length: [1, 1, 1, 1, 0, 2, 3][dice(7)] ?? 1 }, () =>
          dice(4) === 0 ? dice(900) : dice(5),
        );
      const begun = new Map<string, number>();
      const ids = ['a', 'b', 'c', 'd'];
      for (const id of ids) {
        const nodes = wire.start(id);
        nodes.register(
          answerInOrg(ECHO, (org, text, { from }) => {
            begun.set(`${id} ${from} ${text}`, (begun.get(`${id} ${from} ${text}`) ?? 0) + 1);
            const answer = `${id} ${org.org} ${text}`;
            return dice(3) === 0
              ? new Promise<string>((resolve) => void wire.clock.setTimeout(() => resolve(answer), dice(700)))
              : answer;
          }),
        );
      }
      await wire.clock.advance(2_500);
      let settled = 0;
      const asked: Promise<void>[] = [];
      for (let turn = 0; turn < 60; turn++) {
        const id = ids[dice(ids.length)] ?? 'a';
        const org = ['acme', 'rival'][dice(2)] ?? 'acme';
        const deadlineMs = 1 + dice(600);
        const startedMs = wire.clock.monotonic();
        asked.push(
          (async () => {
            const { replies, failures } = (await wire.nodes
              .get(id)
              ?.askIn(org, ECHO, `${turn}`, { deadlineMs })) ?? {
              replies: [],
              failures: [],
            };
            settled++;
            expect(wire.clock.monotonic() - startedMs, `seed ${seed}`).toBeLessThanOrEqual(
              Math.min(500, deadlineMs),
            );
            for (const { node, answer } of replies)
              expect(answer, `seed ${seed}`).toBe(`${node} ${org} ${turn}`);
            const nodes = [...replies, ...failures].map(({ node }) => node);
            expect(new Set(nodes).size, `seed ${seed}`).toBe(nodes.length);
          })(),
        );
        await wire.clock.advance(dice(50));
      }
      await wire.clock.advance(1_000);
      await Promise.all(asked);
      expect(settled).toBe(60);
      // However often the broker brought it.
      for (const [question, times] of begun) expect(times, `seed ${seed}: ${question}`).toBe(1);
      for (const nodes of wire.nodes.values()) await nodes.dispose();
      await wire.clock.advance(1_000);
      expect(wire.clock.pending, `seed ${seed}`).toBe(0);
    }
  }, 30_000);
});
