import { FakeClock } from '@trunkline/base/testing';
import { KubeError, type KubeObject, type KubeTable, type TableColumn } from '@trunkline/kube-client';
import { describe, expect, it } from 'vitest';
import { Columns } from './columns.js';

const column = (name: string, more: Partial<TableColumn> = {}): TableColumn => ({
  name,
  type: 'string',
  format: '',
  description: '',
  priority: 0,
  ...more,
});

class ColumnsBed {
  readonly clock = new FakeClock();
  /** Namespaces of tables that were read, and names of definitions. */
  readonly asked: string[] = [];
  table: (namespace: string | undefined) => readonly TableColumn[] | undefined | Error = () => [
    column('Name'),
  ];
  definition: object | Error = new KubeError('kubeNotFound', 'none');
  readonly columns = new Columns(
    this.clock,
    {
      table: async ({ namespace }, options) => {
        this.asked.push(`table ${namespace ?? '*'} ${JSON.stringify(options)}`);
        const columns = this.table(namespace);
        if (columns instanceof Error) throw columns;
        return columns && ({ columns, rows: [], version: '1', continue: '' } satisfies KubeTable);
      },
      get: async (_question, name) => {
        this.asked.push(`definition ${name}`);
        if (this.definition instanceof Error) throw this.definition;
        return { value: this.definition } as unknown as KubeObject;
      },
    },
    { kindsTtlMs: 30_000 },
  );
}

const PODS = { group: '', version: 'v1', resource: 'pods' };
const LAMPS = { group: 'x.io', version: 'v1', resource: 'lamps' };
const lamps = (additionalPrinterColumns?: readonly object[]): object => ({
  spec: { versions: [{ name: 'v0' }, { name: 'v1', additionalPrinterColumns }] },
});

describe('columns of a cluster', () => {
  it('[KUBE-6] are read once for all who ask, without objects, and kept like the kinds', async () => {
    const bed = new ColumnsBed();
    bed.table = () => [column('Name', { format: 'name' }), column('IP', { priority: 1 })];
    const [first] = await Promise.all([1, 2, 3].map(() => bed.columns.of(PODS)));
    expect(first?.columns.map(({ title, priority, path }) => [title, priority, path])).toEqual([
      ['Name', 0, undefined],
      ['IP', 1, '.status.podIP'],
    ]);
    expect(bed.asked).toEqual(['table * {"limit":1,"include":"None"}']);
    await bed.clock.advance(30_000);
    await bed.columns.of(PODS);
    expect(bed.asked).toHaveLength(1);
    await bed.clock.advance(1);
    await bed.columns.of(PODS);
    expect(bed.asked).toHaveLength(2);
  });

  it('[KUBE-6] paths of a custom resource are those of its definition, in its version, in order', async () => {
    const bed = new ColumnsBed();
    bed.table = () => [column('Name'), column('On'), column('Watts', { type: 'integer' }), column('On')];
    bed.definition = lamps([
      { name: 'On', jsonPath: '.status.on' },
      { name: 'Watts', jsonPath: '.spec.watts' },
      { name: 'On', jsonPath: '.status.really' },
      7 as unknown as object,
    ]);
    const { columns } = await bed.columns.of(LAMPS);
    expect(columns.map(({ title, path }) => [title, path])).toEqual([
      ['Name', '.metadata.name'],
      ['On', '.status.on'],
      ['Watts', '.spec.watts'],
      ['On', '.status.really'],
    ]);
    expect(bed.asked).toContain('definition lamps.x.io');
  });

  it('[KUBE-6] a definition that may not be read leaves columns without paths; a server without tables, those of the definition', async () => {
    const bed = new ColumnsBed();
    bed.definition = new KubeError('kubeForbidden', 'no');
    bed.table = () => [column('Name'), column('Watts')];
    expect((await bed.columns.of(LAMPS)).columns[1]).toMatchObject({ title: 'Watts', path: undefined });
    const other = new ColumnsBed();
    other.table = () => undefined;
    other.definition = lamps();
    expect(await other.columns.of(LAMPS)).toMatchObject({
      table: false,
      columns: [{ title: 'Name' }, { title: 'Age', type: 'date', path: '.metadata.creationTimestamp' }],
    });
    expect(await other.columns.of(PODS)).toEqual({ table: false, columns: [] });
  });

  it('[KUBE-6] who may list in one namespace alone is answered from there', async () => {
    const bed = new ColumnsBed();
    bed.table = (namespace) =>
      namespace === 'blue' ? [column('Name')] : new KubeError('kubeForbidden', 'not everywhere');
    await expect(bed.columns.of(PODS)).rejects.toThrow('not everywhere');
    expect((await bed.columns.of(PODS, 'blue')).columns).toHaveLength(1);
  });

  it('[KUBE-6] what is known stays in use while the cluster is away; what failed is not asked for in a loop', async () => {
    const bed = new ColumnsBed();
    const away = new KubeError('kubeUnreachable', 'ECONNREFUSED');
    bed.table = () => away;
    for (let n = 0; n < 5; n++) await expect(bed.columns.of(PODS)).rejects.toBe(away);
    expect(bed.asked).toHaveLength(1);
    bed.table = () => [column('Name')];
    await bed.clock.advance(2_000);
    expect((await bed.columns.of(PODS)).columns).toHaveLength(1);
    bed.table = () => away;
    await bed.clock.advance(60_000);
    expect((await bed.columns.of(PODS)).columns).toHaveLength(1);
  });

  it('[KUBE-6] kinds that were asked for long ago are forgotten, so that what is kept has a bound', async () => {
    const bed = new ColumnsBed();
    for (let n = 0; n < 501; n++) await bed.columns.of({ ...PODS, resource: `kind${n}` });
    await bed.columns.of({ ...PODS, resource: 'kind500' });
    expect(bed.asked).toHaveLength(501);
    await bed.columns.of({ ...PODS, resource: 'kind0' });
    expect(bed.asked).toHaveLength(502);
  });
});
