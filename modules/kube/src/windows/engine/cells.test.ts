import { describe, expect, it } from 'vitest';
import {
  dataCount,
  nodeRoles,
  nodeStatus,
  podReady,
  podRestarts,
  podStatus,
  servicePorts,
  workloadReady,
} from './cells.js';
import { columnsOf, windowColumns } from './columns.js';
import { readPath } from './parts.js';
import { toValue } from './values.js';

const container = (state: object, more: object = {}) => ({ name: 'main', state, ...more });
const withContainers = (...containerStatuses: object[]) => ({
  status: { phase: 'Running', containerStatuses },
});

describe('cells of rows', () => {
  it.each([
    ['the phase', { status: { phase: 'Pending' } }, 'Pending'],
    ['the reason of the pod', { status: { phase: 'Failed', reason: 'Evicted' } }, 'Evicted'],
    [
      'a container that waits',
      withContainers(container({ waiting: { reason: 'CrashLoopBackOff' } })),
      'CrashLoopBackOff',
    ],
    [
      'one that ended',
      withContainers(container({ terminated: { reason: 'OOMKilled', exitCode: 137 } })),
      'OOMKilled',
    ],
    [
      'one that ended without words',
      withContainers(container({ terminated: { exitCode: 3 } })),
      'ExitCode:3',
    ],
    ['one that was killed', withContainers(container({ terminated: { signal: 9 } })), 'Signal:9'],
    [
      'one done, one at work',
      withContainers(
        container({ terminated: { reason: 'Completed' } }),
        container({ running: {} }, { ready: true }),
      ),
      'NotReady',
    ],
    [
      'init containers',
      {
        spec: { initContainers: [{ name: 'a' }, { name: 'b' }] },
        status: {
          phase: 'Pending',
          initContainerStatuses: [container({ terminated: { exitCode: 0 } }), container({ running: {} })],
        },
      },
      'Init:1/2',
    ],
    [
      'an init container that fails',
      {
        status: {
          phase: 'Pending',
          initContainerStatuses: [container({ waiting: { reason: 'ErrImagePull' } })],
        },
      },
      'Init:ErrImagePull',
    ],
    [
      'a sidecar',
      {
        spec: { initContainers: [{ name: 'main', restartPolicy: 'Always' }] },
        status: { phase: 'Running', initContainerStatuses: [container({ running: {} }, { started: true })] },
      },
      'Running',
    ],
    [
      'one that is being deleted',
      { metadata: { deletionTimestamp: 'now' }, status: { phase: 'Running' } },
      'Terminating',
    ],
    ['nothing at all', {}, 'Unknown'],
  ])('[KWIN-3] the status of a pod: %s', (_words, pod, status) => {
    expect(podStatus(pod)).toBe(status);
  });

  it('[KWIN-3] ready, restarts and replicas', () => {
    const pod = {
      spec: { containers: [{}, {}] },
      status: {
        containerStatuses: [
          { ready: true, restartCount: 2 },
          { ready: false, restartCount: 3 },
        ],
      },
    };
    expect([podReady(pod), podRestarts(pod)]).toEqual(['1/2', 5]);
    expect(workloadReady({ spec: { replicas: 3 }, status: { readyReplicas: 2 } })).toBe('2/3');
    expect(workloadReady({ status: { desiredNumberScheduled: 4, numberReady: 4 } })).toBe('4/4');
  });

  it('[KWIN-3] status and roles of nodes, ports of services, entries of config maps and secrets', () => {
    const node = (status: string, spec: object = {}) => ({
      spec,
      status: {
        conditions: [
          { type: 'DiskPressure', status: 'False' },
          { type: 'Ready', status },
        ],
      },
    });
    expect(
      [node('True'), node('Unknown'), node('True', { unschedulable: true }), {}].map(nodeStatus),
    ).toEqual(['Ready', 'NotReady', 'Ready,SchedulingDisabled', 'Unknown']);
    const labels = { 'node-role.kubernetes.io/worker': '', 'kubernetes.io/role': 'master', zone: 'a' };
    expect([nodeRoles({ metadata: { labels } }), nodeRoles({})]).toEqual(['master,worker', '']);
    const ports = [{ port: 80 }, { port: 53, protocol: 'UDP', nodePort: 30_053 }];
    expect([servicePorts({ spec: { ports } }), servicePorts({})]).toEqual(['80/TCP,53:30053/UDP', '']);
    expect([dataCount({ data: { a: 1 }, binaryData: { b: 1 } }), dataCount({ data: [] })]).toEqual([2, 0]);
  });

  it('[KWIN-3] the columns of a kind; a cluster in front where there are several', () => {
    const names = (group: string, resource: string, namespaced: boolean, several = false) =>
      windowColumns({ group, resource, namespaced }, several).map(({ name }) => name);
    expect(names('', 'pods', true)).toEqual([
      'name',
      'namespace',
      'status',
      'ready',
      'restarts',
      'node',
      'age',
    ]);
    expect(names('apps', 'deployments', true)).toEqual(['name', 'namespace', 'ready', 'age']);
    expect(names('', 'nodes', false)).toEqual(['name', 'status', 'roles', 'version', 'age']);
    expect(names('', 'services', true)).toEqual(['name', 'namespace', 'type', 'cluster-ip', 'port-s', 'age']);
    expect(names('', 'namespaces', false)).toEqual(['name', 'age']);
    expect(names('example.com', 'pods', true, true)).toEqual(['cluster', 'name', 'namespace', 'age']);
  });

  it('[KWIN-3] objects of any shape have cells', () => {
    const strange: unknown[] = [
      null,
      1,
      'a',
      [],
      { metadata: [], spec: 'x', status: { containerStatuses: [1, null, { restartCount: 'x', state: 7 }] } },
    ];
    const kinds = [
      { group: '', resource: 'pods' },
      { group: 'apps', resource: 'deployments' },
      ...['nodes', 'services', 'secrets'].map((resource) => ({ group: '', resource })),
    ];
    for (const kind of kinds)
      for (const { cell, order } of columnsOf({ ...kind, namespaced: true }))
        for (const object of strange)
          for (const read of [cell, order ?? cell])
            expect(['string', 'number', 'object']).toContain(typeof read(object));
  });

  it('[KWIN-2] nothing is read that an object inherits, and no number that is none', () => {
    expect(readPath({}, ['constructor', 'name'])).toBeUndefined();
    expect(readPath([], ['length'])).toBeUndefined();
    expect(readPath({ a: [{ b: 1 }] }, ['a', 0, 'b'])).toBe(1);
    expect(toValue(JSON.parse('1e999'))).toBeNull();
    expect(toValue({ a: 1 })).toBe('{"a":1}');
    expect(toValue('x'.repeat(5_000))).toHaveLength(1_024);
  });
});
