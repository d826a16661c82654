import { describe, expect, it } from 'vitest';
import { builtinTypes } from './builtin.js';
import { ageSince, toAge } from './cells.js';
import type { KubeObject } from './objects.js';

const S = 1_000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

const cells = (kind: string, object: object, nowMs = 0): unknown[] => {
  const type = builtinTypes().find((one) => one.kind === kind);
  const whole = { apiVersion: 'v1', kind, metadata: { name: 'x' }, ...object } as KubeObject;
  return type?.columns.map((column) => column.cell(whole, nowMs)) ?? [];
};
const pod = (status: object, more: object = {}): unknown[] =>
  cells('Pod', { spec: { containers: [{ name: 'a' }, { name: 'b' }] }, status, ...more }).slice(1, 4);

describe('cells', () => {
  it.each([
    [0, '0s'],
    [-1 * S, '0s'],
    [-2 * S, '<invalid>'],
    [119 * S, '119s'],
    [2 * M, '2m'],
    [5 * M + 12 * S, '5m12s'],
    [10 * M + 59 * S, '10m'],
    [179 * M, '179m'],
    [3 * H, '3h'],
    [3 * H + 7 * M, '3h7m'],
    [8 * H + 59 * M, '8h'],
    [47 * H, '47h'],
    [2 * D + 4 * H, '2d4h'],
    [8 * D + 4 * H, '8d'],
    [729 * D, '729d'],
    [2 * 365 * D + 3 * D, '2y3d'],
    [9 * 365 * D + 3 * D, '9y'],
  ])('[KSIM-25] an age of %d ms is %s', (ms, text) => {
    expect(toAge(ms)).toBe(text);
  });

  it('[KSIM-25] an age that is not known', () => {
    expect([ageSince(undefined, 0), ageSince('yesterday', 0)]).toEqual(['<unknown>', '<invalid>']);
  });

  it('[KSIM-25] the status of a pod is the most telling thing about it', () => {
    const waiting = (reason: string): object => ({
      ready: false,
      restartCount: 3,
      state: { waiting: { reason } },
    });
    const running = { ready: true, restartCount: 1, state: { running: {} } };
    expect(pod({ phase: 'Pending' })).toEqual(['0/2', 'Pending', 0]);
    expect(pod({ phase: 'Running', containerStatuses: [running, running] })).toEqual(['2/2', 'Running', 2]);
    expect(pod({ phase: 'Running', containerStatuses: [running, waiting('CrashLoopBackOff')] })).toEqual([
      '1/2',
      'CrashLoopBackOff',
      4,
    ]);
    expect(pod({ phase: 'Failed', reason: 'Evicted' })).toEqual(['0/2', 'Evicted', 0]);
    const going = { metadata: { name: 'x', deletionTimestamp: '2024-01-01T00:00:00Z' } };
    expect(pod({ phase: 'Running' }, going)[1]).toBe('Terminating');
  });

  it('[KSIM-25] nodes say readiness and roles, services their ports', () => {
    const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
    const labels = { 'node-role.kubernetes.io/worker': '', other: 'x' };
    const node = { metadata: { name: 'x', labels }, spec: { unschedulable: true }, status: ready };
    expect(cells('Node', node).slice(1, 3)).toEqual(['Ready,SchedulingDisabled', 'worker']);
    expect(cells('Node', {}).slice(1, 3)).toEqual(['Unknown', '<none>']);
    const spec = {
      type: 'ClusterIP',
      clusterIP: '10.0.0.1',
      ports: [{ port: 80 }, { port: 53, protocol: 'UDP' }],
    };
    expect(cells('Service', { spec }).slice(1, 5)).toEqual([
      'ClusterIP',
      '10.0.0.1',
      '<none>',
      '80/TCP,53/UDP',
    ]);
  });
});
