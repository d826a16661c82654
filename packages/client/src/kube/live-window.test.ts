import type { WindowOp, WindowRow, WindowSource } from '@trunkline/contracts/kube';
import { settle } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveWindow, type LiveWindow, type WindowOptions } from './live-window.js';
import { openBed, STRATEGIES, type Bed } from './testing/bed.js';
import { refusal } from './testing/fake-kube.js';
import type { WindowParams, WindowState } from './types.js';

const row = (n: number, text = ''): WindowRow => ({
  id: `one/default/p${n}`,
  uid: `u${n}`,
  cells: [`p${n}`, text],
});
const LIVE: WindowSource = { cluster: 'one', state: { state: 'live' } };

/** A list of 1,000 rows on the server, and windows over it by offset and limit. */
class FakeWindows {
  readonly states = new Map<string, { rows: WindowRow[]; total: number; sources: WindowSource[] }>();
  readonly #bed: Bed;
  denied: { namespace: string; code: number; reason: string }[] = [];
  /** Where more could be seen. */
  askAgainMs: number | undefined;
  /** With other rights a window is another one. */
  rights = '';
  /** Windows that this node does not know (any more). */
  gone = new Set<string>();

  constructor(bed: Bed) {
    this.#bed = bed;
    const { answers } = bed.kube;
    answers.set('kube.window', (params: WindowParams) => {
      const channel = this.channel(params.offset ?? 0, params.limit ?? 100, params.search);
      const { askAgainMs } = this;
      this.gone.delete(channel);
      bed.server.channel(channel).refuse = undefined;
      const columns = [{ name: 'name', title: 'Name', type: 'text' as const }];
      return { channel, columns, denied: this.denied, ...(askAgainMs === undefined ? {} : { askAgainMs }) };
    });
    answers.set('kube.windowState', ({ channel }: { channel: string }): WindowState => {
      if (this.gone.has(channel)) throw refusal(1332, 'no such window');
      const { epoch, top } = bed.server.channel(channel);
      const { rows, total, sources } = this.#state(channel);
      return { position: { epoch, offset: top }, rows, total, sources };
    });
  }

  channel(offset: number, limit: number, search = ''): string {
    const channel = `kubewindow:${offset}+${limit}${search}${this.rights}`;
    if (!this.states.has(channel)) {
      const rows = Array.from({ length: limit }, (_, index) => row(offset + index));
      this.states.set(channel, { rows, total: 1_000, sources: [LIVE] });
    }
    return channel;
  }

  publish(channel: string, ops: WindowOp[], sources?: WindowSource[]): void {
    const state = this.#state(channel);
    if (sources !== undefined) state.sources = sources;
    this.#bed.server.publish(channel, { ops, total: state.total, ...(sources ? { sources } : {}) });
  }

  #state(channel: string): { rows: WindowRow[]; total: number; sources: WindowSource[] } {
    const state = this.states.get(channel);
    if (state === undefined) throw refusal(1332, 'no such window');
    return state;
  }
}

describe.each(STRATEGIES)('live window, %s', (strategy) => {
  let bed: Bed;
  let windows: FakeWindows;
  let window: LiveWindow<WindowRow>;

  function open(options: Partial<WindowOptions<WindowRow>> = {}): void {
    window = liveWindow(bed.client, { cluster: 'one', resource: 'pods', limit: 3, ...options, ...bed.live });
  }
  const ids = (): string[] => window.get().rows.map(({ id }) => id.replace('one/default/', ''));

  beforeEach(() => {
    bed = openBed(strategy);
    windows = new FakeWindows(bed);
  });
  afterEach(() => {
    window.close();
    bed.dispose();
  });

  it('[KSDK-9] state first, then the operations of each publication; unchanged rows keep their identity', async () => {
    open({ sort: [{ column: 'name' }], filter: [{ column: 'name', op: 'ne', value: 'x' }] });
    expect(window.get()).toMatchObject({ state: 'loading', rows: [], offset: 0, limit: 3, moving: false });
    await settle();
    expect(window.get()).toMatchObject({ state: 'live', total: 1_000, columns: [{ name: 'name' }] });
    expect(ids()).toEqual(['p0', 'p1', 'p2']);
    expect(bed.kube.calls.get('kube.window')).toEqual([
      {
        sources: [{ cluster: 'one' }],
        resource: 'pods',
        sort: [{ column: 'name' }],
        filter: [{ column: 'name', op: 'ne', value: 'x' }],
        offset: 0,
        limit: 3,
      },
    ]);
    const before = window.get().rows;
    const channel = windows.channel(0, 3);
    windows.publish(channel, [
      { op: 'leave', at: 0 },
      { op: 'enter', at: 2, row: row(3) },
      { op: 'patch', at: 0, cells: [[1, 'new']] },
    ]);
    await settle();
    expect(ids()).toEqual(['p1', 'p2', 'p3']);
    expect(window.get().rows[0]?.cells).toEqual(['p1', 'new']);
    expect(window.get().rows[1]).toBe(before[2]);
  });

  it('[KSDK-9] an operation that does not fit takes the window whole again', async () => {
    open();
    await settle();
    const channel = windows.channel(0, 3);
    windows.publish(channel, [{ op: 'leave', at: 7 }]);
    await settle();
    expect(window.get().state).toBe('recovering');
    await bed.pass(2_000);
    expect(window.get().state).toBe('live');
    expect(ids()).toEqual(['p0', 'p1', 'p2']);
    expect(bed.kube.count('kube.windowState')).toBe(2);
  });

  it('[KSDK-9] the clusters behind a window are told one by one; what is denied with code and reason', async () => {
    windows.denied = [{ namespace: 'secret', code: 1308, reason: 'no' }];
    open({ namespaces: ['default', 'secret'] });
    await settle();
    expect(window.get()).toMatchObject({ state: 'partial', error: { code: 1308 } });
    const channel = windows.channel(0, 3);
    windows.publish(
      channel,
      [],
      [{ cluster: 'one', state: { state: 'recovering', sinceMs: 5, reason: 'away' } }],
    );
    await settle();
    expect(window.get()).toMatchObject({ state: 'stale', sinceMs: 5, reason: 'away' });
    expect(ids()).toEqual(['p0', 'p1', 'p2']);
    const { lists } = window.get();
    expect(lists.map(({ cluster, namespace, state }) => [cluster, namespace, state])).toEqual([
      ['one', undefined, 'stale'],
      ['one', 'secret', 'failed'],
    ]);
    windows.publish(channel, [{ op: 'patch', at: 0, cells: [[1, 'x']] }]);
    await settle();
    expect(window.get().lists).toBe(lists);
    // Rights may be given later.
    windows.denied = [];
    await bed.pass(31_000);
    expect(window.get().lists).toHaveLength(1);
  });

  it('[KSDK-15] a window that was never shown is loading, whatever is said of its clusters; a cluster of which rows are on show is not', async () => {
    const channel = windows.channel(0, 3);
    const source = (cluster: string, state: WindowSource['state']): WindowSource => ({ cluster, state });
    const away = { state: 'recovering', sinceMs: 5, reason: 'away' } as const;
    const empty = { rows: [], total: 0, sources: [source('one', { state: 'loading' })] };
    windows.states.set(channel, empty);
    bed.kube.source(channel, { state: 'recovering', sinceMs: 3, reason: 'one: loading' });
    open();
    await settle();
    expect(window.get()).toMatchObject({ state: 'loading', sinceMs: 3, reason: undefined, rows: [] });
    windows.publish(channel, [], [source('one', away)]);
    await settle();
    expect(window.get()).toMatchObject({ state: 'loading', sinceMs: 5, reason: 'away' });
    // The connection outweighs it.
    bed.server.down = true;
    bed.kube.cutAll();
    await bed.pass(6_000);
    expect(window.get().state).toBe('loading');
    expect(window.get().reason).not.toBe('away');
    bed.server.down = false;
    await bed.pass(60_000);
    expect(window.get()).toMatchObject({ state: 'loading', reason: 'away' });
    bed.kube.source(channel, { state: 'live' });
    windows.publish(channel, [{ op: 'enter', at: 0, row: row(0) }], [source('one', { state: 'live' })]);
    await settle();
    expect(window.get()).toMatchObject({ state: 'live', reason: undefined });
    windows.publish(channel, [], [source('one', away), source('two', away)]);
    await settle();
    expect(window.get().lists.map(({ cluster, state }) => [cluster, state])).toEqual([
      ['one', 'stale'],
      ['two', 'loading'],
    ]);
  });

  it('[KSDK-15] a window that cannot be asked for is loading, with the reason', async () => {
    bed.kube.answers.set('kube.window', () => {
      throw refusal(1300, 'cluster unreachable', true);
    });
    open();
    await settle();
    expect(window.get()).toMatchObject({ state: 'loading', error: { code: 1300 } });
    expect(window.get().reason).toContain('cluster unreachable');
  });

  it('[KSDK-10] scrolling loads the next window before it leaves the last, and keeps rows that both show', async () => {
    open();
    await settle();
    const before = window.get().rows;
    const shown: string[][] = [];
    window.subscribe(() => shown.push(ids()));
    window.scroll(2, 3);
    await bed.pass(100);
    expect(ids()).toEqual(['p2', 'p3', 'p4']);
    expect(window.get()).toMatchObject({ offset: 2, limit: 3, moving: false, state: 'live' });
    expect(window.get().rows[0]).toBe(before[2]);
    for (const rows of shown) expect(rows).toHaveLength(3);
    const order = bed.server.connections
      .flatMap(({ commands }) => commands)
      .flatMap((command) => ['subscribe', 'unsubscribe'].filter((kind) => kind in command));
    await bed.pass(1_000);
    expect(order.at(-1)).toBe('subscribe');
    expect(bed.kube.readers(windows.channel(0, 3))).toBe(0);
    expect(bed.kube.readers(windows.channel(2, 3))).toBe(1);
  });

  it('[KSDK-10] of many wishes in a row the last one is shown, and few are asked', async () => {
    open();
    await settle();
    for (let offset = 10; offset <= 500; offset += 10) window.scroll(offset);
    expect(window.get().offset).toBe(0);
    await bed.pass(100);
    expect(window.get()).toMatchObject({ offset: 500, moving: false });
    expect(ids()[0]).toBe('p500');
    expect(bed.kube.count('kube.window')).toBeLessThanOrEqual(3);
  });

  it('[KSDK-10] a wish taken back while it loads leaves the window on show as it was', async () => {
    open();
    await settle();
    const { rows } = window.get();
    window.scroll(100);
    window.scroll(0);
    await bed.pass(3_000);
    expect(window.get()).toMatchObject({ offset: 0, moving: false, state: 'live' });
    expect(window.get().rows).toBe(rows);
    windows.publish(windows.channel(0, 3), [{ op: 'leave', at: 0 }]);
    await settle();
    expect(ids()).toEqual(['p1', 'p2']);
  });

  it('[KSDK-10] a window that does not load gives way to a newer wish, and the one on show stays', async () => {
    open();
    await settle();
    bed.server.handlers.onCommand = (command) => {
      const subscribe = command['subscribe'] as { channel?: string } | undefined;
      return subscribe?.channel === windows.channel(50, 3) ? 'silent' : undefined;
    };
    window.scroll(50);
    await settle();
    window.scroll(7);
    await settle();
    expect(window.get()).toMatchObject({ offset: 0, moving: true, state: 'live' });
    expect(ids()).toEqual(['p0', 'p1', 'p2']);
    await bed.pass(2_100);
    expect(window.get()).toMatchObject({ offset: 7, moving: false });
  });

  it('[KSDK-10] another search is another window; one that is refused leaves the last on show, with the error', async () => {
    open();
    await settle();
    window.change({ search: 'web', offset: 0 });
    await bed.pass(100);
    expect(bed.kube.calls.get('kube.window')?.at(-1)).toMatchObject({ search: 'web', offset: 0, limit: 3 });
    window.change({ columns: ['ip'] });
    await bed.pass(100);
    expect(bed.kube.calls.get('kube.window')?.at(-1)).toMatchObject({ search: 'web', columns: ['ip'] });
    window.change({ columns: [] });
    await bed.pass(100);
    expect(bed.kube.calls.get('kube.window')?.at(-1)).not.toHaveProperty('columns');
    expect(bed.kube.readers(windows.channel(0, 3, 'web'))).toBe(1);
    window.change({ search: '' });
    await bed.pass(100);
    expect(bed.kube.calls.get('kube.window')?.at(-1)).toEqual(bed.kube.calls.get('kube.window')?.at(0));
    bed.kube.answers.set('kube.window', () => {
      throw refusal(107, 'bad request: filter');
    });
    window.change({ filter: [{ path: '][', op: 'eq' }] });
    await bed.pass(100);
    expect(window.get()).toMatchObject({ state: 'live', error: { code: 107 }, moving: true });
    expect(ids()).toHaveLength(3);
  });

  it('[KSDK-10] a window that the server lost is asked for again', async () => {
    open();
    await settle();
    const channel = windows.channel(0, 3);
    const before = window.get().rows;
    // Another node: it knows neither the channel nor the state.
    windows.gone.add(channel);
    bed.server.channel(channel).refuse = { code: 1332, message: 'no such window' };
    bed.kube.cutAll();
    await bed.pass(5_000);
    expect(bed.kube.count('kube.window')).toBe(2);
    expect(window.get().state).toBe('live');
    expect(window.get().rows).toBe(before);
    windows.publish(channel, [{ op: 'leave', at: 0 }]);
    await settle();
    expect(ids()).toEqual(['p1', 'p2']);
  });

  it('[KSDK-10] a window that is gone between its name and its state is asked for again', async () => {
    open();
    await settle();
    const channel = windows.channel(0, 3);
    windows.gone.add(channel);
    bed.kube.unsubscribe(channel, 2500, 'insufficient state');
    bed.server.channel(channel).epoch = 'e2';
    await bed.pass(5_000);
    expect(bed.kube.count('kube.window')).toBe(2);
    expect(window.get().state).toBe('live');
  });

  it('[KSDK-10] rights that end take the rows with them, and bring them back', async () => {
    open();
    await settle();
    const answer = bed.kube.answers.get('kube.window') as (params: never) => unknown;
    bed.kube.answers.set('kube.window', () => {
      throw refusal(1308, 'cannot list pods');
    });
    bed.kube.unsubscribe(windows.channel(0, 3), 2101);
    await settle();
    expect(window.get()).toMatchObject({ state: 'failed', rows: [], total: 0, error: { code: 1308 } });
    bed.kube.answers.set('kube.window', answer);
    window.retry();
    await bed.pass(100);
    expect(window.get()).toMatchObject({ state: 'live', total: 1_000, error: undefined });
    expect(ids()).toEqual(['p0', 'p1', 'p2']);
  });

  it('[KSDK-10] a window that may show more is asked for again, and goes over to what rights show by then without losing a row', async () => {
    windows.askAgainMs = 20_000;
    open({ columns: ['wide'] });
    await settle();
    const narrow = windows.channel(0, 3);
    const before = window.get().rows;
    await bed.pass(19_000);
    expect(bed.kube.count('kube.window')).toBe(1);
    await bed.pass(2_000);
    // Nothing was granted: nothing moves.
    expect(bed.kube.count('kube.window')).toBe(2);
    expect(bed.kube.calls.get('kube.window')?.at(-1)).toMatchObject({ columns: ['wide'] });
    expect(window.get().rows).toBe(before);
    const shown: number[] = [];
    window.subscribe(() => shown.push(window.get().rows.length));
    const order: string[] = [];
    bed.server.handlers.onCommand = (command) => {
      for (const kind of ['subscribe', 'unsubscribe'])
        if (kind in command) order.push(`${kind} ${String((command[kind] as { channel: string }).channel)}`);
      return undefined;
    };
    windows.rights = ' of more namespaces';
    windows.askAgainMs = undefined;
    await bed.pass(25_000);
    expect(window.get()).toMatchObject({ state: 'live', moving: false });
    expect(ids()).toEqual(['p0', 'p1', 'p2']);
    expect(window.get().rows.every((row, at) => row === before[at])).toBe(true);
    expect(shown.every((rows) => rows === 3)).toBe(true);
    expect(order[0]).toBe(`subscribe ${windows.channel(0, 3)}`);
    expect([bed.kube.readers(narrow), bed.kube.readers(windows.channel(0, 3))]).toEqual([0, 1]);
    // All is seen: it is not asked for again.
    await bed.pass(120_000);
    expect(bed.kube.count('kube.window')).toBe(3);
  });

  it('[KSDK-10] closing leaves everything', async () => {
    open();
    await settle();
    window.scroll(9);
    window.close();
    window.close();
    await bed.pass(3_000);
    expect(bed.kube.readers(windows.channel(0, 3)) + bed.kube.readers(windows.channel(9, 3))).toBe(0);
    const { calls } = bed.kube;
    const asked = calls.get('kube.window')?.length;
    await bed.pass(60_000);
    expect(calls.get('kube.window')).toHaveLength(asked ?? 0);
  });
});

describe('live window', () => {
  it('[KSDK-9] rows are mapped once for each version', async () => {
    const bed = openBed('multiplexed');
    const windows = new FakeWindows(bed);
    const seen: string[] = [];
    const window = liveWindow<string>(bed.client, {
      cluster: 'one',
      resource: 'pods',
      limit: 3,
      map: ({ id, cells }) => {
        seen.push(id);
        return `${id}:${String(cells[1])}`;
      },
      ...bed.live,
    });
    await settle();
    windows.publish(windows.channel(0, 3), [{ op: 'patch', at: 1, cells: [[1, 'x']] }]);
    windows.publish(windows.channel(0, 3), [{ op: 'move', from: 1, to: 0 }]);
    await settle();
    expect(window.get().rows).toEqual(['one/default/p1:x', 'one/default/p0:', 'one/default/p2:']);
    expect(seen).toHaveLength(4);
    window.close();
    bed.dispose();
  });

  it('[KSDK-9] what cannot be asked is refused at the door, by name', () => {
    const bed = openBed('multiplexed');
    expect(() => liveWindow(bed.client, { resource: 'pods' })).toThrow(/cluster or lists/);
    expect(() => liveWindow(bed.client, { resource: '', cluster: 'a' })).toThrow(/resource/);
    bed.dispose();
  });
});
