import { KubeError } from '@trunkline/kube-client';
import { describe, expect, it } from 'vitest';
import type { ToldColumn, ToldColumns } from '../clusters/columns.js';
import { createWindowsBed, pod, type Viewer, type WindowsBed } from './testing/bed.js';

function column(title: string, type: string, path: string | undefined, more: Partial<ToldColumn> = {}) {
  return { title, type, format: '', description: `about ${title}`, priority: 0, path, ...more };
}

const NAME = column('Name', 'string', '.metadata.name', { format: 'name' });
const WIDGETS: ToldColumns = {
  table: true,
  columns: [
    NAME,
    column('Size', 'integer', '.spec.size'),
    column('Is Ready', 'string', '.status.conditions[?(@.type=="Ready")].status'),
    column('Details', 'string', '.spec.details', { priority: 1 }),
    column('Age', 'date', '.metadata.creationTimestamp'),
    column('Odd', 'string', '.spec..size'),
    column('Score', 'string', undefined),
  ],
};
const KIND = { group: 'example.com', resource: 'widgets' };

const widget = (name: string, size: number, ready: string, details = '') => ({
  ...pod({ name }),
  spec: { size, ...(details === '' ? {} : { details }) },
  status: { conditions: [{ type: 'Other' }, { type: 'Ready', status: ready }] },
});
const names = ({ rows }: Viewer): unknown[] => rows.map(({ cells }) => cells[0]);

function withWidgets(): WindowsBed {
  const bed = createWindowsBed();
  bed.told = WIDGETS;
  bed.list().put(widget('a', 2, 'True', 'x'), widget('b', 10, 'False', 'z'), widget('c', 3, 'Unknown', 'y'));
  bed.list().live();
  return bed;
}

describe('columns of windows', () => {
  it('[KWIN-19] those of the table that are fields of the objects are shown, searched, filtered and sorted by', async () => {
    const bed = withWidgets();
    const { columns } = await bed.ask(KIND);
    expect(columns).toEqual([
      { name: 'name', title: 'Name', type: 'text' },
      { name: 'namespace', title: 'Namespace', type: 'text' },
      { name: 'age', title: 'Age', type: 'time' },
      { name: 'size', title: 'Size', type: 'number' },
      { name: 'is-ready', title: 'Is Ready', type: 'text' },
    ]);
    const viewer = await bed.follow({ ...KIND, sort: [{ column: 'size', order: 'desc' }] });
    expect(viewer.rows.map(({ cells }) => cells.slice(3))).toEqual([
      [10, 'False'],
      [3, 'Unknown'],
      [2, 'True'],
    ]);
    bed.list().put(widget('a', 20, 'True'));
    await bed.clock.advance(200);
    expect(names(viewer)).toEqual(['a', 'b', 'c']);
    expect(names(await bed.follow({ ...KIND, search: 'unkn' }))).toEqual(['c']);
    const filter = [{ column: 'is-ready', op: 'ne' as const, value: 'True' }];
    expect(names(await bed.follow({ ...KIND, filter }))).toEqual(['b', 'c']);
  });

  it('[KWIN-19] one of lower priority is shown where it is asked for, and can be sorted and filtered by without', async () => {
    const bed = withWidgets();
    const wide = { ...KIND, columns: ['details'] };
    expect((await bed.ask(wide)).columns.map(({ name }) => name)).toEqual([
      'name',
      'namespace',
      'age',
      'size',
      'is-ready',
      'details',
    ]);
    expect((await bed.follow(wide)).rows.map(({ cells }) => cells[5])).toEqual(['x', 'z', 'y']);
    const sorted = { ...KIND, sort: [{ column: 'details', order: 'desc' as const }] };
    expect((await bed.ask(sorted)).columns).toHaveLength(5);
    const viewer = await bed.follow(sorted);
    expect(names(viewer)).toEqual(['b', 'c', 'a']);
    expect(viewer.rows[0]?.cells).toHaveLength(5);
    // What no row shows is not searched.
    expect(names(await bed.follow({ ...sorted, search: 'z' }))).toEqual([]);
    expect(names(await bed.follow({ ...sorted, ...wide, search: 'z' }))).toEqual(['b']);
  });

  it('[KWIN-19] one whose cells only the API server can work out is refused by name, never shown', async () => {
    const bed = withWidgets();
    for (const [params, where] of [
      [{ columns: ['score'] }, 'columns[0]'],
      [{ sort: [{ column: 'odd' }] }, 'sort[0].column'],
      [{ filter: [{ column: 'score', op: 'exists' as const }] }, 'filter[0].column'],
    ] as const)
      await expect(bed.ask({ ...KIND, ...(params as object) })).rejects.toMatchObject({
        code: 107,
        message: expect.stringContaining(`${where}: the cells of`) as string,
      });
    await expect(bed.ask({ ...KIND, columns: ['nope'] })).rejects.toThrow(/columns\[0\] must be one of name/);
  });

  it('[KWIN-19] where they cannot be read, or not soon, there are none; who names one is told to come again', async () => {
    const bed = createWindowsBed();
    bed.told = 'never';
    const asked = await bed.until(bed.ask(KIND));
    expect(asked.columns.map(({ name }) => name)).toEqual(['name', 'namespace', 'age']);
    const sorted = { ...KIND, sort: [{ column: 'size' }] };
    await expect(bed.until(bed.ask(sorted))).rejects.toMatchObject({ code: 1000, temporary: true });
    bed.told = new KubeError('kubeForbidden', 'no');
    expect((await bed.ask(KIND)).columns).toHaveLength(3);
    await expect(bed.ask(sorted)).rejects.toMatchObject({ code: 107 });
  });

  it('[KWIN-19] of kinds that windows know by themselves nothing is asked, unless another column is named', async () => {
    const bed = createWindowsBed();
    bed.told = { table: true, columns: [NAME, column('IP', 'string', '.status.podIP', { priority: 1 })] };
    expect((await bed.ask({ sort: [{ column: 'restarts' }] })).columns).toHaveLength(7);
    expect(bed.columnsAsked).toEqual([]);
    expect((await bed.ask({ columns: ['ip', 'node'] })).columns.at(-1)).toEqual({
      name: 'ip',
      title: 'IP',
      type: 'text',
    });
    expect(bed.columnsAsked).toEqual([undefined]);
    await expect(bed.ask({ columns: ['cluster'] })).rejects.toThrow(/must be one of/);
  });

  it('[KWIN-19] windows that differ in a column are different windows, and the order in which columns are named is none', async () => {
    const bed = withWidgets();
    const ids = await Promise.all(
      [['size', 'details'], ['details'], [], ['size']].map(
        async (columns) => (await bed.ask({ ...KIND, columns })).channel,
      ),
    );
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).toBe(ids[3]);
    expect(ids[0]).not.toBe(ids[2]);
  });
});

describe('kube.columns', () => {
  it('[KWIN-21] tells them in the order of the table, with what windows have besides', async () => {
    const { columns, table } = await withWidgets().columns(KIND);
    expect(table).toBe(true);
    expect(columns.map(({ name, type, priority, inWindows }) => [name, type, priority, inWindows])).toEqual([
      ['name', 'text', 0, true],
      ['namespace', 'text', 0, true],
      ['size', 'number', 0, true],
      ['is-ready', 'text', 0, true],
      ['details', 'text', 1, true],
      ['age', 'time', 0, true],
      ['odd', 'text', 0, false],
      ['score', 'text', 0, false],
    ]);
    expect(columns[2]).toEqual({
      name: 'size',
      title: 'Size',
      type: 'number',
      format: '',
      description: 'about Size',
      priority: 0,
      path: '.spec.size',
      inWindows: true,
    });
  });

  it('[KWIN-21] names are there once; a definition that means something else by one of ours gets another', async () => {
    const bed = withWidgets();
    const other = column('Age', 'integer', '.spec.ageInYears');
    const own = column('Cluster', 'string', '.spec.cluster');
    bed.told = { table: true, columns: [NAME, other, other, column('***', 'string', '.a'), own] };
    const { columns } = await bed.columns(KIND);
    expect(columns.map(({ name, path }) => [name, path])).toEqual([
      ['name', '.metadata.name'],
      ['namespace', undefined],
      ['age', undefined],
      ['age-2', '.spec.ageInYears'],
      ['age-3', '.spec.ageInYears'],
      ['column', '.a'],
      ['cluster-2', '.spec.cluster'],
    ]);
    const sources = [{ cluster: 'one' }, { cluster: 'two' }];
    expect((await bed.ask({ ...KIND, sources })).columns.map(({ name }) => name)).toEqual([
      ...['cluster', 'name', 'namespace', 'age'],
      ...['age-2', 'age-3', 'column', 'cluster-2'],
    ]);
  });

  it('[KWIN-21] without a table there are those of windows', async () => {
    const { columns, table } = await createWindowsBed().columns({ resource: 'nodes' });
    expect(table).toBe(false);
    expect(columns.map(({ name }) => name)).toEqual(['name', 'status', 'roles', 'version', 'age']);
  });

  it('[KWIN-21] whoever may list the kind somewhere is told, and the cluster is asked there; nobody else is', async () => {
    const bed = withWidgets();
    bed.rights.set('bob', ['web', 'shop']);
    await bed.columns(KIND, 'bob');
    await bed.columns({ ...KIND, namespace: 'shop' }, 'bob');
    expect(bed.columnsAsked).toEqual(['web', 'shop']);
    await expect(bed.columns({ ...KIND, namespace: 'secret' }, 'bob')).rejects.toMatchObject({ code: 1308 });
    await expect(bed.columns(KIND, 'eve')).rejects.toMatchObject({ code: 1308 });
    await expect(bed.columns({ resource: 'bindings' })).rejects.toThrow(/cannot be listed/);
    await expect(bed.columns({ resource: 'nodes', namespace: 'web' })).rejects.toThrow(/have none/);
    bed.told = new KubeError('kubeUnreachable', 'ECONNREFUSED');
    await expect(bed.columns(KIND)).rejects.toMatchObject({ code: 1300, temporary: true });
    expect(bed.columnsAsked).toHaveLength(3);
  });
});
