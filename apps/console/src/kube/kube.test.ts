import type { ResourceRecord } from '@trunkline/contracts/kube';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseHash, toHash, type Route } from '../router.js';
import { ageOf, objectOf, partsOf, shownCell } from './cells.js';
import { refusalOf } from './credential.js';
import { definitionsText, kindGroups } from './kinds.js';
import { toContinuity } from './live.js';
import { kindOf, parseKind, reachMark, scopeWords, statusTone } from './words.js';
import { toYaml } from './yaml.js';

const kind = (group: string, resource: string, name: string, verbs = ['list', 'watch']): ResourceRecord => ({
  group,
  version: 'v1',
  resource,
  kind: name,
  namespaced: true,
  verbs,
  shortNames: [],
});

describe('YAML', () => {
  it('[KCON-24] means exactly the object, whatever is in it', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({
        unit: fc.constantFrom('a', ' ', '\n', ':', '#', '-', '"', "'", '\t', '0', '.', '|', '&', '*'),
      }),
      fc.constantFrom(
        'yes',
        'null',
        '~',
        '0x1f',
        '1e3',
        '.inf',
        '2026-01-01',
        '012',
        '1:30',
        '<<',
        '=',
        '---',
        '',
      ),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(text, tie('any'), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).any;
    fc.assert(
      fc.property(value, (given) => {
        const wanted: unknown = JSON.parse(JSON.stringify(given));
        for (const version of ['1.1', '1.2'] as const)
          expect(parse(toYaml(wanted), { version, merge: false, uniqueKeys: false })).toEqual(wanted);
      }),
      { numRuns: 400 },
    );
  });

  it('[KCON-24] reads like what kubectl prints', () => {
    const object = {
      apiVersion: 'v1',
      metadata: { name: 'web-1', labels: { 'app.kubernetes.io/name': 'web', version: '2' }, annotations: {} },
      spec: { containers: [{ name: 'app', args: ['--port', '80'], env: [] }] },
      data: { script: 'set -e\necho hello\n' },
    };
    expect(toYaml(object)).toBe(
      [
        'apiVersion: v1',
        'metadata:',
        '  name: web-1',
        '  labels:',
        '    app.kubernetes.io/name: web',
        '    version: "2"',
        '  annotations: {}',
        'spec:',
        '  containers:',
        '  - name: app',
        '    args:',
        '    - "--port"',
        '    - "80"',
        '    env: []',
        'data:',
        '  script: |',
        '    set -e',
        '    echo hello',
        '',
      ].join('\n'),
    );
  });
});

describe('kinds', () => {
  it('[KCON-22] what people look at first comes first; what cannot be listed and watched is left out', () => {
    const groups = kindGroups([
      kind('apps', 'deployments', 'Deployment'),
      kind('example.com', 'widgets', 'Widget'),
      kind('networking.k8s.io', 'networkpolicies', 'NetworkPolicy'),
      kind('', 'pods', 'Pod'),
      kind('', 'bindings', 'Binding', ['create']),
      kind('events.k8s.io', 'events', 'Event'),
      kind('', 'endpoints', 'Endpoints'),
    ]);
    expect(
      groups.map(({ label, kinds }) => [label, ...kinds.map((one) => `${one.kind} ${one.label}`)]),
    ).toEqual([
      ['Workloads', 'v1/pods Pods', 'apps/v1/deployments Deployments'],
      ['events.k8s.io', 'events.k8s.io/v1/events Events'],
      ['example.com', 'example.com/v1/widgets Widgets'],
      ['networking.k8s.io', 'networking.k8s.io/v1/networkpolicies Network policies'],
      ['Other', 'v1/endpoints Endpoints'],
    ]);
  });

  it('[KCON-22] a kind has one name, which leads back to it', () => {
    for (const name of ['v1/pods', 'apps/v1/deployments']) {
      const parsed = parseKind(name);
      expect(parsed && kindOf(parsed)).toBe(name);
    }
    expect(parseKind('pods')).toBeUndefined();
  });

  it('[KCON-22] what is looked at stands in the address', () => {
    const routes: Route[] = [
      { screen: 'clusters' },
      { screen: 'resources' },
      {
        screen: 'resources',
        cluster: 'a@b',
        kind: 'apps/v1/deployments',
        namespace: 'shop',
        search: 'web & "x"',
        sort: '-restarts',
        columns: 'ip,nominated-node',
        object: 'shop/web-1',
      },
    ];
    for (const route of routes) expect(parseHash(toHash(route))).toEqual(route);
  });
});

describe('cells', () => {
  const now = Date.parse('2026-01-10T00:00:00Z');
  const column = (name: string, type: 'text' | 'number' | 'time' | 'boolean') => ({
    name,
    title: name,
    type,
  });

  it('[KCON-22] ages tick, and a status has a colour besides its word', () => {
    expect(shownCell(column('age', 'time'), '2026-01-09T23:59:15Z', now)).toEqual({ text: '45s' });
    expect(shownCell(column('age', 'time'), '2026-01-09T23:59:15Z', now + 1_000)).toEqual({ text: '46s' });
    expect(shownCell(column('status', 'text'), 'CrashLoopBackOff', now)).toEqual({
      text: 'CrashLoopBackOff',
      tone: 'bad',
    });
    expect(shownCell(column('node', 'text'), null, now)).toEqual({ text: '—' });
    expect(shownCell(column('ok', 'boolean'), false, now)).toEqual({ text: 'no' });
    const ages = [5, 119, 150, 3_000, 9_000, 20_000, 200_000, 90_000_000].map((seconds) =>
      ageOf(seconds * 1_000),
    );
    expect(ages).toEqual(['5s', '119s', '2m30s', '50m', '150m', '5h', '2d', '2y']);
  });

  it.each([
    ['Running', 'live'],
    ['Completed', 'off'],
    ['Init:0/2', 'wait'],
    ['Terminating', 'wait'],
    ['Init:CrashLoopBackOff', 'bad'],
    ['ImagePullBackOff', 'bad'],
    ['NotReady', 'bad'],
    ['web', undefined],
  ])('[KCON-22] %s is %s', (status, tone) => {
    expect(statusTone(status)).toBe(tone);
  });

  it('[KCON-22] a row leads to its object', () => {
    expect(partsOf('prod/shop/web-1')).toEqual({ namespace: 'shop', name: 'web-1' });
    expect(objectOf('prod/shop/web-1')).toBe('shop/web-1');
    expect(objectOf('prod//node-1')).toBe('node-1');
  });
});

describe('resource definitions', () => {
  const definition = (name: string, established: string, beat: string) => ({
    metadata: { name, uid: name, generation: 1, resourceVersion: beat },
    status: { conditions: [{ type: 'Established', status: established, lastTransitionTime: beat }] },
  });

  it('[KCON-22] kinds are asked for again when one comes, goes or begins to be served, and for nothing else', () => {
    const [a, b] = [definition('a', 'True', '1'), definition('b', 'False', '1')];
    const before = definitionsText([a, b]);
    expect(definitionsText([b, definition('a', 'True', '2')])).toBe(before);
    const others = [
      [a],
      [a, definition('b', 'True', '1')],
      [a, b, definition('c', 'True', '1')],
      [{ ...a, metadata: { ...a.metadata, generation: 2 } }, b],
    ];
    for (const other of others) expect(definitionsText(other)).not.toBe(before);
  });
});

describe('credentials', () => {
  const refused = (code: number, message: string): Error =>
    Object.assign(new Error(`kube.credentials.put: ${message}`), { code });

  it('[KCON-26] a refusal belongs to the field that it names, of a kubeconfig to that', () => {
    expect(
      refusalOf(refused(107, 'bad request: key: is not that of the certificate'), 'certificate'),
    ).toEqual({
      field: 'key',
      reason: 'Is not that of the certificate',
    });
    expect(refusalOf(refused(107, 'bad request: token: printable ASCII expected'), 'token')).toMatchObject({
      field: 'token',
    });
    const exec = 'kubeconfig field not allowed here: users.jane.exec';
    expect(refusalOf(refused(1316, exec), 'kubeconfig')).toEqual({
      field: 'kubeconfig',
      reason: 'Kubeconfig field not allowed here: users.jane.exec',
    });
    // Of a kubeconfig that was cut out here, and of a token.
    expect(refusalOf(refused(107, 'bad request: key: PEM expected'), 'kubeconfig')).toEqual({
      field: 'kubeconfig',
      reason: 'Key: PEM expected',
    });
  });

  it('[KCON-26] what is not about a field is said of the form', () => {
    expect(refusalOf(refused(108, 'not available'), 'token')).toBeUndefined();
    expect(refusalOf(refused(107, 'bad request: cluster: is not used so'), 'certificate')).toBeUndefined();
    expect(refusalOf(new Error('timeout'), 'kubeconfig')).toBeUndefined();
  });
});

describe('words', () => {
  it('[KCON-23] the badge says since when and why, and never live of a part', () => {
    const none = { error: undefined };
    expect(toContinuity({ ...none, state: 'live', sinceMs: undefined, reason: undefined })).toEqual({
      state: 'live',
    });
    expect(toContinuity({ ...none, state: 'stale', sinceMs: 5, reason: 'ECONNREFUSED' })).toEqual({
      state: 'stale',
      sinceMs: 5,
      reason: 'ECONNREFUSED',
    });
    expect(toContinuity({ ...none, state: 'partial', sinceMs: 5, reason: undefined })).toMatchObject({
      state: 'stale',
      reason: 'a part may not be seen',
    });
    const reason = 'kube.window: no credential for this cluster';
    expect(toContinuity({ ...none, state: 'failed', sinceMs: 5, reason })).toEqual({
      state: 'failed',
      reason: 'no credential for this cluster',
    });
    expect(toContinuity({ ...none, state: 'loading', sinceMs: 5, reason: undefined })).toEqual({
      state: 'connecting',
    });
    expect(toContinuity({ ...none, state: 'loading', sinceMs: 5, reason: 'ECONNREFUSED' })).toEqual({
      state: 'connecting',
      sinceMs: 5,
      reason: 'ECONNREFUSED',
    });
  });

  it('[KCON-20] reach and scope of a watch', () => {
    const cluster = { id: 'a', name: 'A', mode: 'shared', simulated: false } as const;
    expect(reachMark({ ...cluster, reach: 'unreachable' })).toEqual({ tone: 'bad', label: 'unreachable' });
    expect(reachMark({ ...cluster, reach: 'unknown' }).label).toBe('not asked yet');
    const counts = { readers: 1, objects: 1, bytes: 1, lists: 1, watches: 1, failures: 0 };
    const watch = {
      ...counts,
      group: '',
      version: 'v1',
      resource: 'pods',
      state: { state: 'live' },
    } as const;
    expect(scopeWords(watch)).toBe('all namespaces');
    expect(scopeWords({ ...watch, namespace: 'shop', labelSelector: 'app=web' })).toBe('shop, app=web');
  });
});
