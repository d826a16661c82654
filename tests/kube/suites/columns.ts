/**
 * Columns of kinds as the server's tables have them: what windows show under a column is what the table shows there, for every kind that has objects, and who may know of columns. The table is
 * read by the test itself.
 */
import { createSeededRandom, silentLogger } from '@trunkline/base';
import type { KindColumn, WindowRow } from '@trunkline/contracts/kube';
import { givenCredential } from '@trunkline/kube-client';
import { createKube, type Kube } from '@trunkline/module-kube';
import { createWindows, startEngineHere, type WindowsParts } from '@trunkline/module-kube/windows';
import { clock } from '@trunkline/testkit';
import { describe, expect, it } from 'vitest';
import type { Doc } from '../api.js';
import {
  configMap,
  configMaps,
  DEFINITIONS,
  lamp,
  lamps,
  made,
  makeNamespace,
  pod,
  pods,
} from '../drafts.js';
import { tokenOf, type KubeTarget } from '../targets.js';

const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

interface Gateway {
  readonly kube: Kube;
  call<T>(method: keyof WindowsParts['rpc'], params: object, user?: string): Promise<T>;
  /** The first rows of a window, and its columns. */
  rows(
    kind: Kind,
    more?: object,
  ): Promise<{ columns: readonly { name: string; type: string }[]; rows: WindowRow[] }>;
  dispose(): Promise<void>;
}

function openGateway({ place }: KubeTarget, mode: 'shared' | 'impersonate'): Gateway {
  const random = createSeededRandom(1);
  const { url: server, ca } = place;
  const credentials = givenCredential({ token: tokenOf('admin') });
  const connection = { server, credentials, ...(ca === undefined ? {} : { ca }) };
  const kube = createKube(
    { clock, random, logger: silentLogger },
    {
      clusters: [{ id: 'c', mode, groups: 'plain', open: () => connection, visibleTo: () => ({}) }],
    },
  );
  const windows = createWindows({
    context: { clock, random, logger: silentLogger },
    upstreams: kube.upstreams,
    access: kube.access,
    startEngine: startEngineHere(clock),
  });
  const call = async <T>(method: keyof WindowsParts['rpc'], params: object, user = 'admin'): Promise<T> => {
    const principal = { user, org: 'acme', roles: [], groups: [], caps: [], channels: [] };
    const context = { principal, client: '', requestId: '', signal: new AbortController().signal };
    return ((await windows.rpc[method].handle(params, context)) as { result: T }).result;
  };
  return {
    kube,
    call,
    rows: async (kind, more = {}) => {
      const asked = { sources: [{ cluster: 'c' }], ...kind, limit: 1_000, ...more };
      const { channel, columns } = await call<{
        channel: string;
        columns: { name: string; type: string }[];
      }>('kube.window', asked);
      const emit = {
        publish: () => ({ epoch: '1', offset: 1 }),
        state: () => undefined,
        reset: () => undefined,
      };
      const opened = await windows.namespaces[0]?.source?.({ org: 'acme', channel, emit });
      try {
        const { rows } = await call<{ rows: WindowRow[] }>('kube.windowState', { channel });
        return { columns, rows };
      } finally {
        await opened?.dispose();
      }
    },
    dispose: async () => {
      await windows.dispose();
      await kube.dispose();
    },
  };
}

const columnsOf = (gateway: Gateway, kind: Kind): Promise<{ columns: KindColumn[]; table: boolean }> =>
  gateway.call('kube.columns', { cluster: 'c', ...kind });

/** Where windows say more than the tables of the same name: ready of wanted replicas. */
const OTHERWISE = new Set(['replicasets ready', 'daemonsets ready', 'replicationcontrollers ready']);
/** Nothing, in the words of tables. */
const NOTHING = new Set(['', 'null', '<none>', '<unset>', '<unknown>']);

/** Cells by the path of the object, then by the title of the column. */
async function tableOf({ api }: KubeTarget, { group, version, resource }: Kind) {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const { doc } = await api.get(`${root}/${resource}`, TABLE);
  const titles = (doc['columnDefinitions'] as { name: string }[]).map(({ name }) => name);
  const rows = (doc['rows'] ?? []) as { cells: unknown[]; object: Doc }[];
  return new Map(
    rows.map(({ cells, object: { metadata } }) => [
      `c/${metadata.namespace ?? ''}/${metadata.name}`,
      new Map(titles.map((title, at) => [title, cells[at]])),
    ]),
  );
}

/** Cells that a window of all objects shows otherwise than the table. `compared`: gets kind and column of each that was looked at. */
async function differences(
  target: KubeTarget,
  gateway: Gateway,
  kind: Kind,
  compared: Set<string>,
): Promise<unknown[]> {
  const { resource } = kind;
  const { columns, table } = await columnsOf(gateway, kind);
  expect(table).toBe(true);
  const cells = await tableOf(target, kind);
  const wide = columns.filter(({ inWindows, priority }) => inWindows && priority > 0);
  const window = await gateway.rows(kind, { columns: wide.map(({ name }) => name) });
  const found: unknown[] = window.rows.length === cells.size ? [] : [[window.rows.length, cells.size]];
  for (const row of window.rows)
    for (const { name, title, type } of columns) {
      const told = cells.get(row.id)?.get(title);
      const at = window.columns.findIndex((column) => column.name === name);
      if (told === undefined || at < 0 || type === 'time' || OTHERWISE.has(`${resource} ${name}`)) continue;
      const shown = String(row.cells[at] ?? '');
      const wanted = NOTHING.has(String(told)) ? '' : String(told);
      compared.add(`${resource} ${name}`);
      if (shown !== wanted) found.push([row.id, name, shown, wanted]);
    }
  return found;
}

export function columnSuite(use: () => KubeTarget): void {
  describe('columns', () => {
    it('[KWIN-19] [KUBE-6] of every kind, what windows show in a column of the table is what the table shows', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      const { group, path, draft } = lamps();
      await made(api, DEFINITIONS, draft);
      await expect.poll(async () => (await api.get(path(namespace))).code, { timeout: 10_000 }).toBe(200);
      await made(api, path(namespace), lamp(group, 'desk', 40));
      await made(api, path(namespace), lamp(group, 'wall', 7));
      await api.patch(`${path(namespace)}/desk/status`, 'merge-patch', {
        status: { conditions: [{ type: 'Lit', status: 'True' }] },
      });
      await made(api, configMaps(namespace), configMap('two', {}, { a: '1', b: '2' }));
      await made(api, pods(namespace), pod('waiting', undefined, ['one', 'two']));
      await made(api, `/api/v1/namespaces/${namespace}/secrets`, {
        metadata: { name: 's' },
        type: 'Opaque',
        data: { k: 'dg==' },
      });
      await made(api, `/api/v1/namespaces/${namespace}/services`, {
        metadata: { name: 'web' },
        spec: {
          selector: { app: 'web' },
          ports: [
            { name: 'w', port: 80 },
            { name: 'x', port: 53, protocol: 'UDP' },
          ],
        },
      });
      const gateway = openGateway(use(), 'shared');
      const compared = new Set<string>();
      try {
        const { resources } = await gateway.kube.clusters.get('c').way({ kind: 'server' }).kinds.all();
        for (const { verbs, preferred, group: of, version, resource } of resources) {
          if (!preferred || !verbs.includes('list') || !verbs.includes('watch')) continue;
          const kind = { group: of, version, resource };
          // The server makes objects of its own at any time: what is read twice is compared until both are of one moment.
          await expect
            .poll(() => differences(use(), gateway, kind, compared), { timeout: 15_000 })
            .toEqual([]);
        }
      } finally {
        await gateway.dispose();
      }
      for (const key of [
        'lamps watts',
        'lamps lit',
        'configmaps data',
        'secrets type',
        'secrets data',
        'services cluster-ip',
        'services port-s',
        'pods ready',
        'pods status',
        'nodes status',
        'namespaces status',
        'customresourcedefinitions name',
      ])
        expect([...compared]).toContain(key);
    });

    it('[KWIN-19] a custom resource is sorted and filtered by its columns', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      const { group, path, draft } = lamps();
      await made(api, DEFINITIONS, draft);
      await expect.poll(async () => (await api.get(path(namespace))).code, { timeout: 10_000 }).toBe(200);
      for (const [name, watts] of [
        ['a', 40],
        ['b', 100],
        ['c', 7],
      ] as const)
        await made(api, path(namespace), lamp(group, name, watts));
      const gateway = openGateway(use(), 'shared');
      try {
        const kind = { group, version: 'v1', resource: 'lamps' };
        const { columns } = await columnsOf(gateway, kind);
        expect(columns.find(({ name }) => name === 'watts')).toEqual({
          name: 'watts',
          title: 'Watts',
          type: 'number',
          format: '',
          description: expect.any(String) as string,
          priority: 0,
          path: '.spec.watts',
          inWindows: true,
        });
        const sort = [{ column: 'watts', order: 'desc' }];
        const filter = [{ column: 'watts', op: 'gt', value: 10 }];
        const { rows } = await gateway.rows(kind, { sort, filter });
        expect(rows.map(({ cells }) => cells[0])).toEqual(['b', 'a']);
      } finally {
        await gateway.dispose();
      }
    });

    it('[KWIN-21] who may list a kind in one namespace may know its columns, and nobody else', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      const rules = [{ verbs: ['list', 'watch'], apiGroups: [''], resources: ['services'] }];
      await made(api, `${RBAC}/namespaces/${namespace}/roles`, { metadata: { name: 'r' }, rules });
      await made(api, `${RBAC}/namespaces/${namespace}/rolebindings`, {
        metadata: { name: 'r' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'alice' }],
      });
      const gateway = openGateway(use(), 'impersonate');
      const asked = { cluster: 'c', resource: 'services', namespace };
      const ask = (user: string): Promise<{ columns: KindColumn[] }> =>
        gateway.call('kube.columns', asked, user);
      try {
        await expect
          .poll(
            () =>
              ask('alice').then(
                ({ columns }) => columns.length,
                () => 0,
              ),
            { timeout: 10_000 },
          )
          .toBeGreaterThan(5);
        const { columns } = await ask('alice');
        expect(columns.find(({ name }) => name === 'external-ip')).toMatchObject({ inWindows: false });
        await expect(ask('bob')).rejects.toMatchObject({ code: 1308 });
      } finally {
        await gateway.dispose();
      }
    });
  });
}
