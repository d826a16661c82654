/** The engine alone: cuts in, publications out, compared with the slow way at every publication. */
import { createSeededRandom, randomInt, type Random } from '@trunkline/base';
import type { WindowFilter, WindowOp, WindowSort } from '@trunkline/contracts/kube';
import { describe, expect, it } from 'vitest';
import type { SourceFacts, WindowQuery } from '../messages.js';
import { applyOps, EngineBed, pod, toObject, type ListedRow } from '../testing/bed.js';
import { expected, type OracleObject, type OracleQuestion } from '../testing/oracle.js';

const PODS = { group: '', resource: 'pods', namespaced: true };
const LIVE: SourceFacts = { state: 'live' };

type Value = Record<string, unknown>;

/** Tables with what was sent to them, and windows with what they were told. */
class Bed extends EngineBed {
  readonly tables = new Map<number, { cluster: string; objects: Map<string, Value> }>();
  readonly windows = new Map<
    number,
    { question: OracleQuestion; tables: readonly number[]; rows: ListedRow[]; total: number; shown: boolean }
  >();
  /** Publications compared. */
  compared = 0;
  /** Objects in one part. */
  partSize = 1_000;

  table(id: number, cluster: string): void {
    this.tables.set(id, { cluster, objects: new Map() });
    this.engine.receive({ kind: 'table', table: id, cluster, rows: PODS });
  }

  open(id: number, tables: readonly number[], question: OracleQuestion = {}): void {
    const { filter = [], search = '', sort = [], offset = 0, limit = 100, labels, clusterColumn } = question;
    const query: WindowQuery = {
      filter,
      words: search.toLowerCase().split(/\s+/).filter(Boolean),
      sort,
      offset,
      limit,
      fields: labels === true ? ['metadata.labels'] : undefined,
      clusterColumn: clusterColumn === true,
      printed: [],
    };
    this.windows.set(id, { question, tables, rows: [], total: 0, shown: false });
    this.engine.receive({ kind: 'open', window: id, tables, query });
    this.run();
  }

  close(id: number): void {
    this.windows.delete(id);
    this.engine.receive({ kind: 'close', window: id });
    this.run();
  }

  /** Changes a table in one cut. Undefined removes. */
  cut(table: number, changes: ReadonlyMap<string, Value | undefined>, state: SourceFacts = LIVE): void {
    const { objects } = this.tables.get(table) as { objects: Map<string, Value> };
    for (const [key, value] of changes)
      if (value === undefined) objects.delete(key);
      else objects.set(key, value);
    const there = [...changes.values()].filter((value) => value !== undefined);
    const gone = [...changes].filter(([, value]) => value === undefined).map(([key]) => key);
    this.send(table, false, there, gone, state);
    this.run();
  }

  send(
    table: number,
    full: boolean,
    values: readonly Value[],
    gone: readonly string[],
    state: SourceFacts,
  ): void {
    for (let from = 0; from === 0 || from < values.length; from += this.partSize) {
      const some = values.slice(from, from + this.partSize).map((value) => toObject(value).json);
      const last = from + this.partSize >= values.length;
      this.engine.receive({
        kind: 'part',
        table,
        full,
        first: from === 0,
        last: last ? state : undefined,
        bytes: new Uint8Array(Buffer.concat(some)),
        lengths: Uint32Array.from(some, ({ length }) => length),
        gone: from === 0 ? gone : [],
      });
      if (!last) expect(this.settle(), 'half a cut shows nothing').toEqual([]);
    }
  }

  /** Answers what the engine wants until it is quiet; checks each publication. */
  run(): void {
    for (let round = 0; ; round++) {
      if (round > 100) throw new Error('the engine is never content');
      const wanted = this.sent.flatMap((message) => (message.kind === 'want' ? [message.table] : []));
      this.sent.length = 0;
      for (const table of wanted) {
        const found = this.tables.get(table);
        if (found) this.send(table, true, [...found.objects.values()], [], LIVE);
      }
      const published = this.settle();
      for (const { window, text } of published) this.take(window, text);
      if (wanted.length === 0 && published.length === 0) return;
    }
  }

  take(id: number, text: string): void {
    const window = this.windows.get(id);
    if (window === undefined) throw new Error('published what is closed');
    const { ops, total } = JSON.parse(text) as { ops: WindowOp[]; total: number };
    if (!window.shown) {
      expect(ops).toEqual([]);
      window.shown = true;
      Object.assign(window, this.rowsOf(id));
    } else {
      window.rows = applyOps(window.rows, ops);
      window.total = total;
    }
    this.check(id);
  }

  check(id: number): void {
    const window = this.windows.get(id);
    if (window === undefined || !window.shown) return;
    const objects: OracleObject[] = window.tables.flatMap((table) => {
      const { cluster, objects: found } = this.tables.get(table) as {
        cluster: string;
        objects: Map<string, Value>;
      };
      return [...found.values()].map((value) => ({ cluster, value }));
    });
    this.compared++;
    expect({ rows: window.rows, total: window.total }).toEqual(expected(objects, window.question));
  }

  rowsOf(id: number): { rows: ListedRow[]; total: number } {
    this.engine.receive({ kind: 'rows', window: id, request: 7 });
    const answer = this.sent.find((message) => message.kind === 'rows');
    if (answer?.kind !== 'rows' || answer.state === undefined) throw new Error('no rows');
    const { rows, total } = JSON.parse(answer.state) as { rows: ListedRow[]; total: number };
    return { rows, total };
  }

  checkAll(): void {
    for (const id of this.windows.keys()) this.check(id);
  }
}

const pick = <T>(random: Random, from: readonly T[]): T => from[randomInt(random, from.length)] as T;

/** Of every type, and sometimes nothing. */
function oddValue(random: Random): unknown {
  return pick<unknown>(random, [
    1,
    2,
    10,
    -3,
    '1',
    '10',
    'a',
    'B',
    true,
    false,
    null,
    undefined,
    ['a', 'b'],
    ['a'],
    { x: 1 },
    '',
  ]);
}

function randomPod(random: Random, namespace: string): Value {
  const name = `p${randomInt(random, 30)}`;
  const odd = oddValue(random);
  return pod({
    namespace,
    name,
    uid: `${name}-${randomInt(random, 2)}`,
    phase: pick(random, ['Running', 'Pending', 'Failed']),
    node: pick(random, ['n1', 'n2', 'n3']),
    restarts: randomInt(random, 4),
    createdAt: `2026-01-0${1 + randomInt(random, 3)}T00:00:00Z`,
    labels: odd === undefined ? {} : { odd },
  });
}

function randomSort(random: Random): WindowSort[] {
  const terms = [
    { column: 'restarts' },
    { column: 'status' },
    { column: 'age' },
    { column: 'name' },
    { column: 'node' },
    { path: 'metadata.labels.odd' },
    { path: 'metadata.uid' },
  ];
  return Array.from({ length: randomInt(random, 3) }, () => ({
    ...pick(random, terms),
    order: pick(random, ['asc', 'desc'] as const),
  }));
}

function randomFilter(random: Random): WindowFilter[] {
  const odd = { path: 'metadata.labels.odd' };
  const filters: WindowFilter[] = [
    { column: 'status', op: 'eq', value: 'Running' },
    { column: 'status', op: 'ne', value: 'Running' },
    { column: 'restarts', op: 'ge', value: 2 },
    { column: 'restarts', op: 'lt', value: 2 },
    { column: 'node', op: 'in', value: ['n1', 'n3'] },
    { column: 'name', op: 'contains', value: '1' },
    { ...odd, op: 'exists', value: true },
    { ...odd, op: 'exists', value: false },
    { ...odd, op: 'contains', value: 'a' },
    { ...odd, op: 'gt', value: 'a' },
    { ...odd, op: 'le', value: 2 },
    { ...odd, op: 'ne', value: null },
    { ...odd, op: 'eq', value: true },
  ];
  return Array.from({ length: randomInt(random, 3) }, () => pick(random, filters));
}

function randomQuestion(random: Random, clusterColumn: boolean): OracleQuestion {
  return {
    filter: randomFilter(random),
    search: pick(random, ['', '', '', 'run', 'P1', 'n2 pend']),
    sort: randomSort(random),
    offset: pick(random, [0, 0, 3, 10, 100]),
    limit: pick(random, [1, 5, 20, 100]),
    labels: random.next() < 0.4,
    clusterColumn,
  };
}

describe('the engine of windows', () => {
  it.each(Array.from({ length: 8 }, (_, index) => index + 1))(
    '[KWIN-1] after each publication the rows are those of the lists: seed %i',
    (seed) => {
      const random = createSeededRandom(seed);
      const bed = new Bed();
      bed.partSize = pick(random, [1, 3, 1_000]);
      const tables = [1, 2, 3];
      const namespaces = ['a', 'b', 'a'];
      bed.table(1, 'one');
      bed.table(2, 'one');
      bed.table(3, 'two');
      let windows = 0;
      for (let step = 0; step < 120; step++) {
        const kind = random.next();
        if (kind < 0.12) {
          const chosen = tables.filter(() => random.next() < 0.6);
          const over = chosen.length === 0 ? [1] : chosen;
          bed.open(++windows, over, randomQuestion(random, over.length > 1 && over.includes(3)));
        } else if (kind < 0.16 && bed.windows.size > 0) {
          bed.close(pick(random, [...bed.windows.keys()]));
        } else if (kind < 0.22) {
          // A list anew: what is not in it is gone.
          const table = pick(random, tables);
          const { objects } = bed.tables.get(table) as { objects: Map<string, Value> };
          for (const key of [...objects.keys()]) if (random.next() < 0.5) objects.delete(key);
          const value = randomPod(random, namespaces[table - 1] as string);
          objects.set(toObject(value).key, value);
          bed.send(table, true, [...objects.values()], [], LIVE);
          bed.run();
        } else {
          const table = pick(random, tables);
          const changes = new Map<string, Value | undefined>();
          for (let count = 1 + randomInt(random, pick(random, [2, 25])); count > 0; count--) {
            const value = randomPod(random, namespaces[table - 1] as string);
            changes.set(toObject(value).key, random.next() < 0.25 ? undefined : value);
          }
          bed.cut(table, changes);
        }
        bed.checkAll();
      }
      expect(windows).toBeGreaterThan(3);
      expect(bed.compared).toBeGreaterThan(100);
    },
  );

  it('[KWIN-1] a large cut makes the order anew and says the same', () => {
    const bed = new Bed();
    bed.table(1, 'one');
    bed.open(1, [1], { sort: [{ column: 'restarts', order: 'desc' }], offset: 20, limit: 10 });
    const random = createSeededRandom(3);
    const some = (count: number, from = 0): Map<string, Value> =>
      new Map(
        Array.from({ length: count }, (_, index) => [
          `default/p${from + index}`,
          pod({ name: `p${from + index}`, restarts: randomInt(random, 50) }),
        ]),
      );
    bed.cut(1, some(3_000));
    bed.cut(1, some(2_000, 1_500));
    bed.cut(1, some(10, 200));
    bed.checkAll();
    expect(bed.compared).toBeGreaterThan(3);
    expect(bed.windows.get(1)?.total).toBe(3_500);
  });

  it('[KWIN-2] numbers, then texts, then booleans, and what is missing last in both directions', () => {
    const bed = new Bed();
    bed.table(1, 'one');
    const order = (id: number, direction: 'asc' | 'desc'): unknown[] => {
      bed.open(id, [1], { sort: [{ path: 'metadata.labels.odd', order: direction }] });
      return bed.rowsOf(id).rows.map((row) => row.cells[0]);
    };
    const odd = { one: 2, two: 10, three: '1', four: 'b', five: true, six: undefined, seven: null };
    bed.cut(
      1,
      new Map(
        Object.entries(odd).map(([name, value]) => [
          `default/${name}`,
          pod({ name, labels: { odd: value } }),
        ]),
      ),
    );
    expect(order(1, 'asc')).toEqual(['one', 'two', 'three', 'four', 'five', 'seven', 'six']);
    expect(order(2, 'desc')).toEqual(['five', 'four', 'three', 'two', 'one', 'seven', 'six']);
  });

  it('[KWIN-3] a column that is shown as a text of two numbers is ordered by the numbers', () => {
    const bed = new EngineBed();
    bed.engine.receive({
      kind: 'table',
      table: 1,
      cluster: 'one',
      rows: { group: 'apps', resource: 'deployments', namespaced: true },
    });
    const query = {
      filter: [],
      words: [],
      offset: 0,
      limit: 10,
      fields: undefined,
      clusterColumn: false,
      printed: [],
    };
    bed.engine.receive({
      kind: 'open',
      window: 1,
      tables: [1],
      query: { ...query, sort: [{ column: 'ready' }] },
    });
    const sent = [
      [2, 10],
      [10, 10],
      [2, 3],
      [0, 1],
    ].map(([ready, replicas], index) =>
      Buffer.from(
        JSON.stringify({
          metadata: { namespace: 'd', name: `w${index}` },
          spec: { replicas },
          status: { readyReplicas: ready },
        }),
      ),
    );
    const bytes = new Uint8Array(Buffer.concat(sent));
    const lengths = Uint32Array.from(sent, ({ length }) => length);
    bed.engine.receive({
      kind: 'part',
      table: 1,
      full: true,
      first: true,
      last: LIVE,
      bytes,
      lengths,
      gone: [],
    });
    bed.settle();
    bed.engine.receive({ kind: 'rows', window: 1, request: 1 });
    const answer = bed.sent.find((message) => message.kind === 'rows');
    const { rows } = JSON.parse((answer as { state: string }).state) as { rows: ListedRow[] };
    expect(rows.map(({ cells }) => cells)).toEqual([
      ['w3', 'd', '0/1', null],
      ['w2', 'd', '2/3', null],
      ['w0', 'd', '2/10', null],
      ['w1', 'd', '10/10', null],
    ]);
  });

  it('[KWIN-5] a change that no row shows is not told, be it another version of an object of which fields are wanted', () => {
    const bed = new Bed();
    bed.table(1, 'one');
    bed.open(1, [1]);
    bed.open(2, [1], { labels: true });
    bed.cut(1, new Map([['default/a', pod({ name: 'a' })]]));
    const before = bed.compared;
    bed.cut(1, new Map([['default/a', pod({ name: 'a', annotations: { beat: '1' } })]]));
    expect(bed.compared).toBe(before);
  });

  it('[KWIN-9] what is wanted for the first time is taken out of all objects, once for all who want it', () => {
    const bed = new EngineBed();
    const wants = (): number => bed.sent.filter(({ kind }) => kind === 'want').length;
    bed.engine.receive({ kind: 'table', table: 1, cluster: 'one', rows: PODS });
    const query = {
      filter: [],
      words: [],
      offset: 0,
      limit: 10,
      fields: undefined,
      clusterColumn: false,
      printed: [],
    };
    const full = (): void => {
      const { json } = toObject(pod({ name: 'a' }));
      const bytes = new Uint8Array(json);
      bed.engine.receive({
        kind: 'part',
        table: 1,
        full: true,
        first: true,
        last: LIVE,
        bytes,
        lengths: Uint32Array.of(json.length),
        gone: [],
      });
    };
    const open = (window: number, sort: WindowSort[]): number => {
      bed.sent.length = 0;
      bed.engine.receive({ kind: 'open', window, tables: [1], query: { ...query, sort } });
      const wanted = wants();
      if (wanted > 0) full();
      bed.settle();
      return wanted;
    };
    expect(open(1, [])).toBe(1);
    expect(open(2, [{ column: 'status' }])).toBe(0);
    expect(open(3, [{ path: 'spec.nodeName' }])).toBe(1);
    expect(open(4, [{ path: 'spec["nodeName"]', order: 'desc' }])).toBe(0);
    bed.engine.receive({ kind: 'close', window: 3 });
    bed.engine.receive({ kind: 'close', window: 4 });
    expect(open(5, [{ path: 'metadata.uid' }])).toBe(1);
  });

  it('[KWIN-9] a place that is given anew while a cut is under way is not taken for what it held', () => {
    const bed = new Bed();
    bed.table(1, 'one');
    bed.cut(
      1,
      new Map(
        ['c', 'b', 'a'].map((name, index) => [
          `default/${name}`,
          pod({ name, uid: `u${index}`, node: `n${index}` }),
        ]),
      ),
    );
    bed.partSize = 1;
    bed.open(1, [1], { sort: [{ path: 'spec.nodeName' }] });
    // A full cut begins for what the first window wants; before its end another one takes the place.
    const values = [...(bed.tables.get(1) as { objects: Map<string, Value> }).objects.values()];
    const part = (index: number): void => {
      const { json } = toObject(values[index] as Value);
      const last = index === values.length - 1 ? LIVE : undefined;
      bed.engine.receive({
        kind: 'part',
        table: 1,
        full: true,
        first: index === 0,
        last,
        bytes: new Uint8Array(json),
        lengths: Uint32Array.of(json.length),
        gone: [],
      });
    };
    part(0);
    bed.windows.delete(1);
    bed.engine.receive({ kind: 'close', window: 1 });
    bed.windows.set(2, {
      question: { sort: [{ path: 'metadata.uid', order: 'desc' }] },
      tables: [1],
      rows: [],
      total: 0,
      shown: false,
    });
    const query = {
      filter: [],
      words: [],
      offset: 0,
      limit: 100,
      fields: undefined,
      clusterColumn: false,
      printed: [],
    };
    bed.engine.receive({
      kind: 'open',
      window: 2,
      tables: [1],
      query: { ...query, sort: [{ path: 'metadata.uid', order: 'desc' }] },
    });
    part(1);
    part(2);
    bed.run();
    expect(bed.windows.get(2)?.rows.map(({ uid }) => uid)).toEqual(['u2', 'u1', 'u0']);
  });

  it('[KWIN-7] nothing is published before what went before was taken, and then it is one publication', () => {
    const bed = new EngineBed();
    bed.engine.receive({ kind: 'table', table: 1, cluster: 'one', rows: PODS });
    const query = {
      filter: [],
      words: [],
      sort: [],
      offset: 0,
      limit: 10,
      fields: undefined,
      clusterColumn: false,
      printed: [],
    };
    const cut = (name: string, full = false): void => {
      const { json } = toObject(pod({ name }));
      bed.engine.receive({
        kind: 'part',
        table: 1,
        full,
        first: true,
        last: LIVE,
        bytes: new Uint8Array(json),
        lengths: Uint32Array.of(json.length),
        gone: [],
      });
    };
    bed.engine.receive({ kind: 'open', window: 1, tables: [1], query });
    cut('a', true);
    bed.turn();
    expect(bed.publications()).toHaveLength(1);
    cut('b');
    bed.turn();
    cut('c');
    bed.turn();
    expect(bed.publications()).toHaveLength(1);
    bed.engine.receive({ kind: 'taken' });
    bed.turn();
    expect(bed.publications()).toHaveLength(2);
    const { ops, total } = JSON.parse(bed.publications()[1]?.text ?? '') as {
      ops: WindowOp[];
      total: number;
    };
    expect(ops.map(({ op }) => op)).toEqual(['enter', 'enter']);
    expect(total).toBe(3);
  });

  it('[KWIN-14] the state of a source goes out with the rows that belong to it; of several the worst, since the earliest', () => {
    const bed = new EngineBed();
    for (const table of [1, 2, 3])
      bed.engine.receive({ kind: 'table', table, cluster: table === 3 ? 'two' : 'one', rows: PODS });
    const query = {
      filter: [],
      words: [],
      sort: [],
      offset: 0,
      limit: 10,
      fields: undefined,
      clusterColumn: true,
      printed: [],
    };
    bed.engine.receive({ kind: 'open', window: 1, tables: [1, 2, 3], query });
    const cut = (table: number, state: SourceFacts, full = false): void =>
      bed.engine.receive({
        kind: 'part',
        table,
        full,
        first: true,
        last: state,
        bytes: new Uint8Array(),
        lengths: new Uint32Array(),
        gone: [],
      });
    for (const table of [1, 2, 3]) cut(table, LIVE, true);
    const first = bed.settle();
    expect(first.map(({ text }) => JSON.parse(text) as unknown)).toEqual([
      {
        ops: [],
        total: 0,
        sources: [
          { cluster: 'one', state: LIVE },
          { cluster: 'two', state: LIVE },
        ],
      },
    ]);
    cut(1, { state: 'recovering', sinceMs: 50, reason: 'cut' });
    cut(2, { state: 'denied', sinceMs: 90, reason: 'no' });
    expect(bed.settle().map(({ text }) => JSON.parse(text) as unknown)).toEqual([
      {
        ops: [],
        total: 0,
        sources: [
          { cluster: 'one', state: { state: 'denied', sinceMs: 50, reason: 'no' } },
          { cluster: 'two', state: LIVE },
        ],
      },
    ]);
    cut(2, { state: 'denied', sinceMs: 90, reason: 'no' });
    expect(bed.settle()).toEqual([]);
  });
});
