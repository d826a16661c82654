import { Encoded } from '@trunkline/protocol';
import { FakeClock } from '@trunkline/base/testing';
import type { Line } from '@trunkline/hub';
import { testPrincipal } from '@trunkline/hub/testing';
import { KubeError, type KubeQuestion } from '@trunkline/kube-client';
import type { CodedError } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import type { Access, Identity, Sight } from '../ports.js';
import { WatchEvent } from './event.js';
import type { FeedReader, Seat, Wish } from './seat.js';
import type { Feeds } from './feeds.js';
import { createMultiplexer } from './multiplexer.js';
import { profileOf, resolveWiresOptions, WIRES_DEFAULTS, type WiresOptions } from './options.js';
import { Outgoing } from './outgoing.js';
import { ViewedWatch } from './viewed-watch.js';

const PODS: KubeQuestion = { group: '', version: 'v1', resource: 'pods' };
const ALL: Sight = { kind: 'all', recheckMs: 1_000 };

/** Rights by hand, and a feed whose readers are told by hand. */
function begin(given: Partial<WiresOptions> = {}) {
  const clock = new FakeClock();
  const options = { ...WIRES_DEFAULTS, ...given };
  const readers = new Set<FeedReader>();
  let asked = 0;
  const rights = {
    sight: (_newcomer: boolean): Promise<Sight> => Promise.resolve(ALL),
    /** What a feed says of other namespaces. */
    see: (): ReturnType<Seat['see']> => 'shown',
    identity: { kind: 'server' } as Identity,
  };
  const access = {
    enter: () =>
      Promise.resolve({
        id: 'c1',
        upstream: rights.identity,
        own: undefined,
        confinedTo: undefined,
        allows: { writes: false, exec: false },
      }),
    sight: (_principal: unknown, _cluster: unknown, _question: unknown, newcomer: boolean) => {
      asked++;
      return rights.sight(newcomer);
    },
  } as unknown as Access;
  const feeds = {
    of: () => ({
      join: (reader: FeedReader, { namespaces }: Wish) => {
        readers.add(reader);
        if (namespaces !== undefined) said.push(`reads ${[...namespaces].join()}`);
        return {
          leave: () => void readers.delete(reader),
          see: (more: ReadonlySet<string> | undefined) => {
            said.push(`sees ${more === undefined ? 'all' : [...more].join()}`);
            return rights.see();
          },
          bookmark: () => Promise.resolve(undefined),
        };
      },
    }),
  } as unknown as Feeds;
  const deps = { clock, access, feeds };
  const said: string[] = [];
  const watch = (): ViewedWatch => {
    const one = new ViewedWatch(
      deps,
      options,
      {
        principal: testPrincipal(),
        cluster: 'c1',
        target: {
          question: PODS,
          version: '1',
          bookmarks: false,
          initialEvents: false,
          timeoutMs: undefined,
        },
      },
      {
        onEvents: (events) => void said.push(...events.map(({ version }) => version)),
        onCurrent: () => undefined,
        onPart: (words) => void said.push(words),
        onFault: ({ message }: CodedError) => void said.push(`fault ${message}`),
        onEnd: ({ message }: CodedError) => void said.push(`end ${message}`),
      },
    );
    void one.start();
    return one;
  };
  const tell = (...versions: string[]): void => {
    const events = versions.map((version) => new WatchEvent('ADDED', Buffer.from('{}'), version));
    for (const reader of [...readers]) reader.onEvents(events, true);
  };
  return { clock, options, rights, readers, deps, said, watch, tell, asked: () => asked };
}

const unsure = (): Promise<Sight> => Promise.reject(new KubeError('kubeUnreachable', 'ECONNREFUSED'));

describe('rights of a watch', () => {
  it('[KWIRE-3] they are asked about again as long as it lives, and nothing is told after a no', async () => {
    const { clock, rights, readers, said, watch, tell, asked } = begin();
    watch();
    await clock.advance(0);
    tell('1');
    await clock.advance(10_000);
    expect([asked(), readers.size]).toEqual([11, 1]);
    rights.sight = () => Promise.reject(new KubeError('kubeForbidden', 'no more'));
    await clock.advance(1_000);
    tell('2');
    expect([said, readers.size]).toEqual([['1', 'end cluster forbids this: no more'], 0]);
    await clock.advance(10_000);
    expect(asked()).toBe(12);
  });

  it('[KWIRE-3] while nobody can say it goes on for a while, then it ends', async () => {
    const { clock, rights, said, watch, tell } = begin();
    watch();
    await clock.advance(500);
    rights.sight = unsure;
    await clock.advance(4_000);
    tell('1');
    rights.sight = () => Promise.resolve(ALL);
    await clock.advance(3_000);
    rights.sight = unsure;
    await clock.advance(5_000);
    tell('2');
    await clock.advance(3_000);
    expect(said).toEqual(['1', '2', 'end cluster unreachable: ECONNREFUSED']);
  });

  it('[KWIRE-3] another credential is another watch', async () => {
    const { clock, rights, said, watch } = begin();
    watch();
    await clock.advance(500);
    rights.identity = { kind: 'credential', id: 'c' };
    await clock.advance(1_000);
    expect(said).toEqual(['end cluster refused the credential: the credential was replaced']);
  });

  it('[KWIRE-3] sight of some namespaces is said first; they may become more, and what is lost ends the watch', async () => {
    const { clock, rights, said, watch, tell } = begin();
    const part = (...namespaces: string[]): (() => Promise<Sight>) => {
      const reason = 'cluster forbids this: pods is forbidden';
      return () => Promise.resolve({ kind: 'namespaces', namespaces, reason, recheckMs: 1_000 });
    };
    rights.sight = part('a', 'b');
    watch();
    await clock.advance(500);
    tell('1');
    await clock.advance(2_000);
    const words = ': cluster forbids this: pods is forbidden';
    expect(said).toEqual([`only namespaces a, b${words}`, 'reads a,b', '1']);
    rights.sight = part('a', 'b', 'c');
    rights.see = () => 'later';
    await clock.advance(1_000);
    rights.see = () => 'shown';
    await clock.advance(3_000);
    expect(said.slice(3)).toEqual(['sees a,b,c', 'sees a,b,c', `only namespaces a, b, c${words}`]);
    rights.sight = () => Promise.resolve(ALL);
    await clock.advance(3_000);
    expect(said.slice(6)).toEqual(['sees all']);
    rights.sight = part('a');
    rights.see = () => 'lost';
    await clock.advance(3_000);
    tell('2');
    expect(said.slice(7)).toEqual(['sees a', `end${words.slice(1)}`]);
  });

  it('[KWIRE-3] whoever begins needs a fresh answer, whoever stays does not', async () => {
    const { clock, rights, watch } = begin();
    const asked: boolean[] = [];
    rights.sight = (newcomer) => {
      asked.push(newcomer);
      return asked.length === 1 ? unsure() : Promise.resolve(ALL);
    };
    watch();
    await clock.advance(3_500);
    expect(asked).toEqual([true, true, false]);
  });

  it('[KWIRE-23] a cluster that cannot be asked at the beginning is asked again, until the watch is closed', async () => {
    const { clock, rights, readers, said, watch, asked } = begin();
    rights.sight = unsure;
    const [one, closed] = [watch(), watch()];
    await clock.advance(7_000);
    expect(said).toHaveLength(6);
    closed.dispose();
    rights.sight = () => Promise.resolve(ALL);
    await clock.advance(30_000);
    expect([readers.size, one.ended, closed.ended]).toEqual([1, false, true]);
    const before = asked();
    one.dispose();
    await clock.advance(30_000);
    expect([readers.size, asked()]).toEqual([0, before]);
  });
});

/** A line whose peer reads or does not. */
class FakeLine implements Line {
  readonly id = 'line';
  readonly principal = testPrincipal();
  readonly sent: string[] = [];
  open = true;
  blocked = false;
  holds = 0;
  closedWith: number | undefined;
  /** Documents that are taken before it is behind. */
  room = Infinity;

  send(document: Encoded): boolean {
    if (this.blocked) return false;
    this.sent.push(Buffer.from(document.bytes).toString());
    this.blocked = --this.room <= 0;
    return true;
  }
  hold(): void {
    this.holds++;
  }
  release(): void {
    this.holds--;
  }
  close({ code }: { readonly code: number }): void {
    this.open = false;
    this.closedWith = code;
  }
}

const item = (text: string, weight = 0) => ({ weight, make: () => new Encoded(Buffer.from(text)) });

describe('what waits for a peer', () => {
  it('[KWIRE-6] it is written when its turn comes, in order, without what nobody wants any more', () => {
    const line = new FakeLine();
    line.room = 2;
    const outgoing = new Outgoing(line, { maxItems: 10, maxBytes: 100 });
    let made = 0;
    outgoing.add([
      item('a'),
      item('b'),
      item('c'),
      { weight: 0, make: () => (made++, undefined) },
      item('d'),
    ]);
    expect([line.sent, outgoing.size, made]).toEqual([['a', 'b'], 3, 0]);
    line.blocked = false;
    line.room = Infinity;
    outgoing.pump();
    expect([line.sent, outgoing.size, made]).toEqual([['a', 'b', 'c', 'd'], 0, 1]);
  });

  it('[KWIRE-6] too much of it closes the line; one thing of any size may wait', () => {
    const full = (items: readonly ReturnType<typeof item>[]): number | undefined => {
      const line = new FakeLine();
      line.blocked = true;
      const outgoing = new Outgoing(line, { maxItems: 3, maxBytes: 100 });
      outgoing.add(items);
      return line.closedWith;
    };
    expect(full([item('x', 1_000)])).toBeUndefined();
    expect(full([item('x', 60), item('x', 60)])).toBe(3008);
    expect(full([item('x'), item('x'), item('x')])).toBeUndefined();
    expect(full([item('x'), item('x'), item('x'), item('x')])).toBe(3008);
  });
});

describe('bounds of a connection', () => {
  async function connect(given: Partial<WiresOptions>) {
    const bed = begin(given);
    const endpoint = createMultiplexer(
      { ...bed.deps, sessions: undefined as never, identify: () => Promise.resolve(testPrincipal()) },
      bed.options,
      profileOf(bed.options),
    );
    const decision = await endpoint.open(
      { originAllowed: true, headers: {}, subprotocols: [], query: new URLSearchParams() } as never,
      new AbortController().signal,
    );
    if (decision.kind !== 'converse') throw new Error(decision.kind);
    const line = new FakeLine();
    const talk = decision.begin(line);
    const request = (query: string, type = 'REQUEST'): void =>
      talk.onFrame(JSON.stringify({ clusterId: 'c1', path: '/api/v1/pods', query, userId: '', type }));
    return { ...bed, line, talk, request };
  }

  it('[KWIRE-25] more watches than may be are refused one by one, until others are closed', async () => {
    const { clock, line, request, readers } = await connect({ maxWatches: 2 });
    for (const query of ['watch=1&a', 'watch=1&b', 'watch=1&c']) request(query);
    await clock.advance(0);
    expect([line.sent.length, readers.size]).toEqual([1, 2]);
    expect(line.sent[0]).toContain('more than 2 watches');
    request('watch=1&a', 'CLOSE');
    request('watch=1&c');
    await clock.advance(0);
    expect([line.sent.length, readers.size]).toEqual([1, 2]);
  });

  it('[KWIRE-25] nothing is read from a peer whose rights are still being asked about, or that does not read', async () => {
    const { clock, line, talk, request, rights, tell } = await connect({ maxAsking: 2, readBelow: 3 });
    let answer: (sight: Sight) => void = () => undefined;
    rights.sight = () => new Promise((resolve) => (answer = resolve));
    request('watch=1&a');
    expect(line.holds).toBe(0);
    request('watch=1&b');
    expect(line.holds).toBe(1);
    await clock.advance(0);
    answer(ALL);
    await clock.advance(0);
    expect(line.holds).toBe(0);
    line.room = 1;
    tell('1', '2', '3', '4', '5');
    request('watch=1&c');
    expect(line.holds).toBe(1);
    line.blocked = false;
    line.room = Infinity;
    talk.onDrained();
    await clock.advance(0);
    answer(ALL);
    await clock.advance(0);
    expect([line.holds, line.sent.length]).toEqual([0, 5]);
    talk.onClosed(1000, '', 'client');
    tell('6');
    expect(line.sent).toHaveLength(5);
  });

  it('[KWIRE-25] a bad option is refused by name', () => {
    expect(() => resolveWiresOptions({ maxWatches: 0 })).toThrow(/maxWatches/);
    expect(() => resolveWiresOptions({ clustersPath: 'clusters' })).toThrow(/clustersPath/);
    expect(resolveWiresOptions({ doubtMs: 0 }).doubtMs).toBe(0);
  });
});
