/** Live windows on a fake clock: lists that change by hand, an engine in this thread, viewers that apply what they are told. */
import { createSeededRandom, randomInt } from '@trunkline/base';
import type { FakeClock } from '@trunkline/base/testing';
import { KubeError } from '@trunkline/kube-client';
import { describe, expect, it } from 'vitest';
import type { ToEngine } from './messages.js';
import {
  createWindowsBed,
  pod,
  principalOf,
  startInline,
  type Viewer,
  type WindowsBed,
} from './testing/bed.js';
import { expected, type OracleObject, type OracleQuestion } from './testing/oracle.js';

const names = ({ rows }: Viewer): readonly unknown[] => rows.map(({ cells }) => cells[0]);
const live = (bed: WindowsBed, ...pods: readonly Record<string, unknown>[]): void => {
  bed.list().put(...pods);
  bed.list().live();
};

describe('live windows', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    '[KWIN-1] every publication is a moment that the list had, in order: seed %i',
    async (seed) => {
      const random = createSeededRandom(seed);
      const bed = createWindowsBed({
        partMaxBytes: 1_500,
        inFlightMaxBytes: seed % 2 === 0 ? 3_000 : 1_000_000,
      });
      const history: OracleObject[][] = [];
      const note = (): void => {
        history.push([...bed.list().objects.values()].map(({ value }) => ({ cluster: 'one', value })));
      };
      live(bed, ...Array.from({ length: 30 }, (_, index) => pod({ name: `p${index}` })));
      note();
      const questions: OracleQuestion[] = [
        { sort: [{ column: 'restarts', order: 'desc' }], limit: 7, offset: 2 },
        { filter: [{ column: 'status', op: 'eq', value: 'Running' }], limit: 5 },
        { search: 'n2', labels: true, limit: 50 },
      ];
      const checked: number[] = [];
      for (const question of questions) {
        const { labels, clusterColumn: _, ...rest } = question;
        const { filter = [], sort = [], ...more } = rest;
        const params = {
          ...more,
          filter: [...filter],
          sort: [...sort],
          ...(labels === true && { fields: ['metadata.labels'] }),
        };
        const viewer = await bed.follow(params);
        let moment = 0;
        const index = checked.push(0) - 1;
        const find = (): void => {
          for (; moment < history.length; moment++) {
            const { rows, total } = expected(history[moment] ?? [], question);
            if (
              JSON.stringify({ rows, total }) === JSON.stringify({ rows: viewer.rows, total: viewer.total })
            )
              return;
          }
          throw new Error('rows of no moment');
        };
        find();
        viewer.onPublication = () => {
          checked[index] = (checked[index] ?? 0) + 1;
          find();
        };
      }
      for (let step = 0; step < 150; step++) {
        const pods = Array.from({ length: 1 + randomInt(random, 6) }, () =>
          pod({
            name: `p${randomInt(random, 40)}`,
            uid: `u${randomInt(random, 3)}`,
            phase: random.next() < 0.6 ? 'Running' : 'Pending',
            node: random.next() < 0.5 ? 'n1' : 'n2',
            restarts: randomInt(random, 5),
            labels: { a: String(randomInt(random, 3)) },
          }),
        );
        bed.list().change(
          Object.fromEntries(
            pods.map((one) => {
              const key = `default/${(one['metadata'] as { name: string }).name}`;
              return [key, random.next() < 0.3 ? undefined : one];
            }),
          ),
        );
        note();
        if (random.next() < 0.5) await bed.clock.advance(randomInt(random, 60));
      }
      await bed.clock.advance(1_000);
      for (const count of checked) expect(count).toBeGreaterThan(5);
      const last = history.length - 1;
      for (const question of questions) {
        const now = await bed.follow({
          filter: [...(question.filter ?? [])],
          sort: [...(question.sort ?? [])],
          ...(question.search !== undefined && { search: question.search }),
          offset: question.offset ?? 0,
          limit: question.limit ?? 100,
          ...(question.labels === true && { fields: ['metadata.labels'] }),
        });
        const { rows, total } = expected(history[last] ?? [], question);
        expect({ rows: now.rows, total: now.total }).toEqual({ rows, total });
      }
      await bed.parts.dispose();
    },
  );

  it('[KWIN-4] what is searched for is in some cell, in whatever case; times are not looked at', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'Web-1', node: 'n7' }), pod({ name: 'db', phase: 'Pending' }));
    expect(names(await bed.follow({ search: 'WEB n7' }))).toEqual(['Web-1']);
    expect(names(await bed.follow({ search: 'pend' }))).toEqual(['db']);
    expect(names(await bed.follow({ search: '2026' }))).toEqual([]);
  });

  it('[KWIN-6] a burst on one object is one publication with what it came to', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'a' }), pod({ name: 'b' }));
    const viewer = await bed.follow({});
    const before = viewer.publications.length;
    for (let count = 1; count <= 50; count++) bed.list().put(pod({ name: 'b', restarts: count }));
    await bed.clock.advance(1_000);
    expect(viewer.publications.slice(before).map(({ ops }) => ops)).toEqual([
      [{ op: 'patch', at: 1, cells: [[4, 50]] }],
    ]);
  });

  it('[KWIN-6] bursts are not sent more often than the turn', async () => {
    const bed = createWindowsBed({ turnMs: 100 });
    live(bed, pod({ name: 'a' }));
    const viewer = await bed.follow({});
    const before = viewer.publications.length;
    for (let count = 1; count <= 100; count++) {
      bed.list().put(pod({ name: 'a', restarts: count }));
      await bed.clock.advance(10);
    }
    const told = viewer.publications.length - before;
    expect(told).toBeGreaterThan(8);
    expect(told).toBeLessThanOrEqual(11);
  });

  it('[KWIN-7] what is on its way to the engine is bounded, and lists take turns', async () => {
    const onWay: ToEngine[] = [];
    let most = 0;
    const start = (clock: FakeClock) => {
      const inner = startInline(clock);
      return (handlers: Parameters<typeof inner>[0]) => {
        let weight = 0;
        const port = inner({
          ...handlers,
          onMessage: (message) => {
            if (message.kind === 'done') weight--;
            handlers.onMessage(message);
          },
        });
        return {
          ...port,
          post: (message: ToEngine, transfer?: readonly ArrayBuffer[]) => {
            if (message.kind === 'part') {
              onWay.push(structuredClone(message));
              most = Math.max(most, ++weight);
            }
            port.post(message, transfer);
          },
        };
      };
    };
    const bed = createWindowsBed({ start, partMaxBytes: 2_000, inFlightMaxBytes: 6_000 });
    const some = (count: number) => Array.from({ length: count }, (_, index) => pod({ name: `p${index}` }));
    live(bed, ...some(200));
    bed.list('two').put(...some(3));
    bed.list('two').live();
    await bed.follow({});
    await bed.follow({ sources: [{ cluster: 'two' }] });
    onWay.length = 0;
    bed.list().put(...some(200));
    bed.list('two').put(...some(3));
    await bed.clock.advance(1_000);
    const tables = onWay.map((message) => (message as { table: number }).table);
    expect(new Set(tables).size).toBe(2);
    // The small one did not wait for the end of the large one.
    expect(tables.lastIndexOf(2)).toBeLessThan(tables.lastIndexOf(1) / 2);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('[KWIN-8] the same rows seen by the same rights are one window; another offset shares the order, other rights nothing', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'a' }));
    bed.rights.set('bob', 'all').set('cyd', ['default']);
    const one = await bed.ask({ search: 'A  b', fields: ['spec.nodeName', 'status'] });
    const same = await bed.ask(
      { search: 'b a', fields: ['status', 'spec["nodeName"]', 'status.phase'] },
      'bob',
    );
    expect(same.channel).toBe(one.channel);
    expect((await bed.ask({ search: 'a' })).channel).not.toBe(one.channel);
    expect((await bed.ask({ search: 'A b', fields: ['spec.nodeName', 'status'] }, 'cyd')).channel).not.toBe(
      one.channel,
    );
    expect((await bed.ask({}, 'bob')).channel).not.toBe((await bed.ask({ offset: 1 })).channel);
  });

  it('[KWIN-8] windows over one list hold one lease; the list stays a while after the last', async () => {
    const bed = createWindowsBed({ questionLingerMs: 30_000 });
    live(bed, pod({ name: 'a' }));
    const open = await Promise.all(
      [{}, { offset: 5 }, { search: 'x' }].map(async (params) => bed.open((await bed.ask(params)).channel)),
    );
    expect(bed.list().leases).toBe(1);
    expect(bed.parts.stats()).toEqual({ windows: 3, open: 3, questions: 1 });
    for (const { close } of open) close();
    await bed.clock.advance(29_000);
    expect(bed.list().listeners.size).toBe(1);
    await bed.clock.advance(2_000);
    expect(bed.list().listeners.size).toBe(0);
    expect(bed.parts.stats()).toEqual({ windows: 0, open: 0, questions: 0 });
  });

  it('[KWIN-10] the state is that of its position: what follows goes on from there, whenever it is asked for', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'a' }));
    const { channel } = await bed.ask({ sort: [{ column: 'restarts', order: 'desc' }] });
    const { viewer } = bed.open(channel);
    const random = createSeededRandom(5);
    const late: Viewer[] = [];
    for (let step = 0; step < 60; step++) {
      bed.list().put(pod({ name: `p${randomInt(random, 9)}`, restarts: randomInt(random, 9) }));
      await bed.clock.advance(randomInt(random, 50));
      if (step % 10 !== 5) continue;
      const state = await bed.until(bed.state(channel));
      const texts = viewer.publications.slice(state.position.offset);
      const other = Object.assign(Object.create(Object.getPrototypeOf(viewer)) as Viewer, {
        publications: [],
        rows: [],
        total: 0,
        sources: [],
        offset: 0,
        epoch: 1,
        follows: false,
      });
      other.take(state);
      for (const { text } of texts) other.publish(text);
      const before = viewer.onPublication;
      viewer.onPublication = () => {
        before?.();
        other.publish(viewer.publications.at(-1)?.text ?? '');
      };
      late.push(other);
    }
    await bed.clock.advance(1_000);
    const { rows } = await bed.until(bed.state(channel));
    expect(late).toHaveLength(6);
    for (const other of late) expect(other.rows).toEqual(rows);
  });

  it('[KWIN-10] the first state waits for the list, and says that it is loading when that takes long', async () => {
    const bed = createWindowsBed({ loadWaitMs: 3_000 });
    const { channel } = await bed.ask({});
    await expect(bed.state(channel)).rejects.toMatchObject({ code: 1000 });
    const { viewer } = bed.open(channel);
    const early = bed.state(channel);
    await bed.clock.advance(3_500);
    expect(await early).toMatchObject({ rows: [], sources: [{ state: { state: 'loading' } }] });
    expect(viewer.states.at(-1)).toMatchObject({ state: 'recovering' });
    const second = bed.state(channel);
    await bed.clock.advance(1_000);
    live(bed, pod({ name: 'a' }));
    await bed.clock.advance(200);
    expect(await second).toMatchObject({ total: 1, sources: [{ state: { state: 'live' } }] });
    expect(viewer.states.at(-1)).toEqual({ state: 'live' });
  });

  it('[KWIN-11] who may not see everywhere gets the namespaces that are open; those asked for by name are said to be closed', async () => {
    const bed = createWindowsBed();
    bed.rights.set('bob', ['web', 'db']);
    bed.list('one', 'web').put(pod({ name: 'w', namespace: 'web' }));
    bed.list('one', 'db').put(pod({ name: 'd', namespace: 'db' }));
    for (const namespace of ['web', 'db']) bed.list('one', namespace).live();
    const { denied, askAgainMs } = await bed.ask({}, 'bob');
    expect([denied, askAgainMs]).toEqual([[], 30_000]);
    expect((await bed.ask({}, 'ada')).askAgainMs).toBeUndefined();
    expect(names(await bed.follow({}, 'bob'))).toEqual(['d', 'w']);
    expect(bed.list().leases).toBe(0);
    const asked = await bed.ask({ sources: [{ cluster: 'one', namespaces: ['web', 'kube-system'] }] }, 'bob');
    expect(asked.denied).toMatchObject([{ cluster: 'one', namespace: 'kube-system', code: 1308 }]);
    expect([asked.askAgainMs, (await bed.ask({}, 'ada')).askAgainMs]).toEqual([30_000, undefined]);
    await expect(bed.ask({}, 'eve')).rejects.toMatchObject({ code: 1308 });
  });

  it('[KWIN-11] of more namespaces than a window is over, the first are shown, and it is said', async () => {
    const bed = createWindowsBed({ maxQuestions: 2 });
    bed.rights.set('bob', ['c', 'a', 'b']);
    const { denied } = await bed.ask({}, 'bob');
    expect(denied).toEqual([{ cluster: 'one', code: 106, reason: 'only 2 of 3 namespaces' }]);
    const sources = [{ cluster: 'one', namespaces: ['a', 'b', 'c'] }];
    await expect(bed.ask({ sources }, 'bob')).rejects.toMatchObject({ code: 106 });
  });

  it('[KWIN-11] one cluster that is closed or down hides no other; where nothing is left its words are the answer', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'a' }));
    bed.closed.set('dead', new KubeError('kubeUnreachable', 'ECONNREFUSED'));
    const sources = [{ cluster: 'dead' }, { cluster: 'one' }];
    const { denied, columns } = await bed.ask({ sources });
    expect(denied).toMatchObject([{ cluster: 'dead', code: 1300 }]);
    expect(columns.map(({ name }) => name).slice(0, 3)).toEqual(['cluster', 'name', 'namespace']);
    expect((await bed.follow({ sources })).rows.map(({ cells }) => cells.slice(0, 2))).toEqual([
      ['one', 'a'],
    ]);
    await expect(bed.ask({ sources: [{ cluster: 'dead' }] })).rejects.toMatchObject({ code: 1300 });
  });

  it('[KWIN-12] whoever reads must have what the maker had, for as long as they read', async () => {
    const bed = createWindowsBed();
    bed.rights.set('bob', ['web', 'db']).set('cyd', ['web']);
    const { channel } = await bed.ask({}, 'bob');
    const may = async (user: string, org = 'acme') =>
      bed.namespace.authorise?.(principalOf(user, org), channel, 'subscribe');
    expect(await may('bob')).toEqual({ allowed: true, recheckMs: 4_000 });
    expect(await may('ada')).toEqual({ allowed: true, recheckMs: 4_000 });
    expect(await may('cyd')).toBe(false);
    await expect(may('eve')).rejects.toMatchObject({ code: 1308 });
    await expect(bed.state(channel, 'cyd')).rejects.toMatchObject({ code: 103 });
    // Through another credential they see other things, even where they may see as much.
    bed.rights.set('own-dan', 'all');
    expect(await may('own-dan')).toBe(false);
    expect(await bed.namespace.authorise?.(principalOf('bob'), channel, 'publish')).toBe(false);
    bed.rights.set('bob', ['web']);
    expect(await may('bob')).toBe(false);
    bed.closed.set('one', new KubeError('kubeUnreachable'));
    await expect(may('ada')).rejects.toMatchObject({ code: 1300 });
  });

  it('[KWIN-20] what is kept back while rights cannot be asked about is not shown, by windows that are there or by new ones', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'a' }), pod({ name: 'b' }));
    const viewer = await bed.follow({});
    bed.list().hold();
    bed.list().change({ 'default/a': undefined, 'default/secret': pod({ name: 'secret' }) });
    const other = await bed.ask({ sort: [{ path: 'spec.nodeName' }] });
    const { viewer: late } = bed.open(other.channel);
    await bed.clock.advance(2_000);
    expect(names(viewer)).toEqual(['a', 'b']);
    expect(viewer.sources).toMatchObject([{ state: { state: 'recovering', sinceMs: 5 } }]);
    expect(JSON.stringify([...viewer.publications, ...late.publications])).not.toContain('secret');
    await expect(bed.until(bed.state(other.channel))).rejects.toMatchObject({ code: 1000 });
    bed.list().release();
    await bed.clock.advance(1_000);
    expect(names(viewer)).toEqual(['b', 'secret']);
    expect(viewer.sources).toEqual([{ cluster: 'one', state: { state: 'live' } }]);
    expect((await bed.until(bed.state(other.channel))).total).toBe(2);
  });

  it('[KWIN-20] a window of what is known goes on being made', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'a' }));
    await bed.follow({});
    bed.list().hold();
    expect(names(await bed.follow({ sort: [{ path: 'spec.nodeName' }] }))).toEqual(['a']);
  });

  it('[KWIN-12] a window of another org is no window', async () => {
    const bed = createWindowsBed();
    const { channel } = await bed.ask({});
    const refusals = await Promise.all(
      [channel, `kubewindow:${'x'.repeat(32)}`].map(async (name) => {
        try {
          return await bed.namespace.authorise?.(principalOf('ada', 'other'), name, 'subscribe');
        } catch (cause) {
          return String(cause);
        }
      }),
    );
    expect(refusals[0]).toContain('no such window');
    expect(refusals[1]).toBe(refusals[0]);
  });

  it('[KWIN-13] a window that nobody reads is forgotten; one that is read is not', async () => {
    const bed = createWindowsBed({ unusedMs: 30_000 });
    live(bed, pod({ name: 'a' }));
    const idle = await bed.ask({});
    const read = await bed.ask({ offset: 1 });
    const { close } = bed.open(read.channel);
    await bed.clock.advance(31_000);
    const may = async (channel: string) =>
      bed.namespace.authorise?.(principalOf('ada'), channel, 'subscribe');
    await expect(may(idle.channel)).rejects.toMatchObject({ code: 1332 });
    expect(await may(read.channel)).toMatchObject({ allowed: true });
    close();
    await bed.clock.advance(31_000);
    await expect(may(read.channel)).rejects.toMatchObject({ code: 1332 });
  });

  it('[KWIN-13] windows of a user and of an org are bounded; those that nobody reads make room', async () => {
    const bed = createWindowsBed({ maxPerUser: 2, maxPerOrg: 3 });
    bed.rights.set('bob', 'all');
    const first = await bed.ask({ offset: 1 });
    const second = await bed.ask({ offset: 2 });
    bed.open(first.channel);
    await bed.ask({ offset: 3 });
    await expect(
      bed.namespace.authorise?.(principalOf('ada'), second.channel, 'subscribe'),
    ).rejects.toMatchObject({ code: 1332 });
    bed.open((await bed.ask({ offset: 3 })).channel);
    await expect(bed.ask({ offset: 4 })).rejects.toMatchObject({ code: 106 });
    bed.open((await bed.ask({ offset: 5 }, 'bob')).channel);
    await expect(bed.ask({ offset: 6 }, 'bob')).rejects.toMatchObject({ code: 106 });
    expect(bed.parts.stats().windows).toBe(3);
  });

  it('[KWIN-13] of those that nobody reads the one used longest ago makes room', async () => {
    const bed = createWindowsBed({ maxPerUser: 2 });
    const first = await bed.ask({ offset: 1 });
    const second = await bed.ask({ offset: 2 });
    await bed.ask({ offset: 1 });
    await bed.ask({ offset: 3 });
    const may = async (channel: string) =>
      bed.namespace.authorise?.(principalOf('ada'), channel, 'subscribe');
    expect(await may(first.channel)).toMatchObject({ allowed: true });
    await expect(may(second.channel)).rejects.toMatchObject({ code: 1332 });
  });

  it('[KWIN-13] what windows want taken out of objects is bounded for an org and a kind', async () => {
    const bed = createWindowsBed({ maxWishes: 2 });
    const by = (path: string, resource = 'pods') => bed.ask({ resource, sort: [{ path }] });
    const first = await by('spec.a');
    bed.open(first.channel);
    const second = await by('spec.b');
    await bed.ask({ sort: [{ path: 'spec["a"]' }], limit: 7 });
    await bed.ask({ sort: [{ column: 'name' }] });
    await by('spec.c', 'services');
    expect(bed.parts.stats().windows).toBe(5);
    bed.open((await by('spec.c')).channel);
    await expect(
      bed.namespace.authorise?.(principalOf('ada'), second.channel, 'subscribe'),
    ).rejects.toMatchObject({ code: 1332 });
    await expect(by('spec.d')).rejects.toMatchObject({ code: 106 });
    await expect(bed.ask({ fields: ['spec'] })).rejects.toMatchObject({ code: 106 });
  });

  it('[KWIN-14] a list that cannot be had is a source that failed, is tried again, and hides no other', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'a' }));
    bed.refuse = new Error('too many reflectors');
    const viewer = await bed.follow({});
    expect(viewer.sources).toMatchObject([
      { cluster: 'one', state: { state: 'failed', reason: 'too many reflectors' } },
    ]);
    expect(viewer.states.at(-1)).toMatchObject({ state: 'failed' });
    bed.refuse = undefined;
    await bed.clock.advance(60_000);
    expect(names(viewer)).toEqual(['a']);
    expect(viewer.states.at(-1)).toEqual({ state: 'live' });
  });

  it('[KWIN-14] a list that is lost is leased again, and compared as a whole', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'a' }), pod({ name: 'b' }));
    const viewer = await bed.follow({});
    const { listeners } = bed.list();
    const [held] = listeners;
    listeners.clear();
    bed.list().change({ 'default/a': undefined });
    held?.onLost?.(new Error('lost'));
    await bed.clock.advance(200);
    expect(viewer.sources).toMatchObject([{ state: { state: 'recovering', reason: 'lost' } }]);
    expect(names(viewer)).toEqual(['a', 'b']);
    bed.list().put(pod({ name: 'c' }));
    await bed.clock.advance(5_000);
    expect(names(viewer)).toEqual(['b', 'c']);
    expect(viewer.sources).toEqual([{ cluster: 'one', state: { state: 'live' } }]);
  });

  it('[KWIN-15] when the engine is lost readers are told to begin anew, and find the window as the list is', async () => {
    const ends: ((reason: string) => void)[] = [];
    const bed = createWindowsBed({ start: (clock) => startInline(clock, (end) => void ends.push(end)) });
    live(bed, pod({ name: 'a' }));
    const { channel } = await bed.ask({ fields: ['metadata.labels'] });
    const { viewer } = bed.open(channel);
    await bed.clock.advance(200);
    const asked = bed.state(channel).catch((cause: unknown) => cause);
    // Until the question is on its way, and no further.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    ends[0]?.('out of memory');
    expect(await asked).toMatchObject({ code: 1000 });
    expect(viewer.resets).toHaveLength(1);
    expect(viewer.states.at(-1)).toMatchObject({ state: 'recovering' });
    bed.list().put(pod({ name: 'b' }));
    const state = await bed.until(bed.state(channel));
    expect(ends).toHaveLength(2);
    expect(state.position.epoch).toBe('2');
    expect(state).toMatchObject({ total: 2, sources: [{ state: { state: 'live' } }] });
    viewer.take(state);
    bed.list().put(pod({ name: 'c' }));
    await bed.clock.advance(200);
    expect(names(viewer)).toEqual(['a', 'b', 'c']);
  });

  it('[KWIN-16] params that make no sense are refused by name', async () => {
    const bed = createWindowsBed();
    const wrong = [
      [{ filter: [{ column: 'colour', op: 'eq', value: 1 }] }, 'filter[0].column'],
      [{ sort: [{ column: 'name' }, { path: 'a..b' }] }, 'sort[1].path'],
      [{ filter: [{ column: 'name', op: 'in', value: 'a' }] }, 'filter[0].value'],
      [{ filter: [{ column: 'name', op: 'lt', value: true }] }, 'filter[0].value'],
      [{ filter: [{ column: 'name', op: 'eq', value: ['a'] }] }, 'filter[0].value'],
      [{ filter: [{ column: 'name', op: 'exists', value: 'yes' }] }, 'filter[0].value'],
      [{ fields: ['a[b'] }, 'fields'],
      [{ offset: 100_000_000 }, 'offset'],
      [{ sources: [{ cluster: 'one' }, { cluster: 'one' }] }, 'sources'],
      [{ resource: 'bindings' }, 'resource'],
      [{ resource: 'nodes', sources: [{ cluster: 'one', namespaces: ['web'] }] }, 'namespaces'],
    ] as const;
    for (const [params, field] of wrong) {
      const refusal = await bed.ask(params as never).catch((cause: unknown) => cause);
      expect(refusal).toMatchObject({ code: 107 });
      expect(String(refusal)).toContain(field);
    }
  });

  it('[KWIN-17] after dispose nothing runs and nothing is leased', async () => {
    const bed = createWindowsBed();
    live(bed, pod({ name: 'a' }));
    const viewer = await bed.follow({});
    await bed.parts.dispose();
    bed.list().put(pod({ name: 'b' }));
    await bed.clock.advance(60_000);
    expect(bed.list().listeners.size).toBe(0);
    expect(names(viewer)).toEqual(['a']);
    expect(bed.clock.pending).toBe(0);
  });
});
