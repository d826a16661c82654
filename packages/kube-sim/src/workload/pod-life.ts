/** The states of a pod, each made from the one before: what a scheduler and a kubelet would write. Pure. */
import {
  read,
  readList,
  readText,
  type JsonObject,
  type KubeObject,
  type ObjectDraft,
} from '../model/objects.js';

export function scheduled(pod: KubeObject, node: string, at: string): ObjectDraft {
  return {
    ...pod,
    spec: { ...pod.spec, nodeName: node },
    status: { ...pod.status, conditions: [condition('PodScheduled', true, at)] },
  };
}

export function creating(pod: KubeObject, hostIp: string, at: string): ObjectDraft {
  return withContainers(pod, { phase: 'Pending', hostIP: hostIp, startTime: at }, false, at, () => ({
    state: { waiting: { reason: 'ContainerCreating' } },
  }));
}

export function running(pod: KubeObject, podIp: string, ready: boolean, at: string): ObjectDraft {
  return withContainers(
    pod,
    { phase: 'Running', podIP: podIp, podIPs: [{ ip: podIp }] },
    ready,
    at,
    (before) => ({
      state: { running: { startedAt: readText(before, 'state', 'running', 'startedAt') || at } },
      ...(read(before, 'lastState') === undefined ? {} : { lastState: read(before, 'lastState') }),
    }),
  );
}

/** The container ended and waits to be started again. */
export function crashed(pod: KubeObject, exitCode: number, at: string): ObjectDraft {
  return withContainers(pod, { phase: 'Running' }, false, at, (before) => ({
    state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container' } },
    lastState: {
      terminated: {
        exitCode,
        reason: exitCode === 137 ? 'OOMKilled' : 'Error',
        startedAt: readText(before, 'state', 'running', 'startedAt') || at,
        finishedAt: at,
      },
    },
    restartCount: Number(read(before, 'restartCount') ?? 0) + 1,
  }));
}

/** Marked for deletion, as by the API. */
export function terminating(pod: KubeObject, at: string): ObjectDraft {
  return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: at, deletionGracePeriodSeconds: 30 } };
}

/** The containers of a pod that is being deleted have ended. */
export function stopped(pod: KubeObject, at: string): ObjectDraft {
  return withContainers(pod, { phase: 'Running' }, false, at, (before) => ({
    state: {
      terminated: {
        exitCode: 0,
        reason: 'Completed',
        startedAt: readText(before, 'state', 'running', 'startedAt') || at,
        finishedAt: at,
      },
    },
  }));
}

function withContainers(
  pod: KubeObject,
  status: JsonObject,
  ready: boolean,
  at: string,
  state: (before: unknown) => JsonObject,
): ObjectDraft {
  const before = readList(pod, 'status', 'containerStatuses');
  const containerStatuses = readList(pod, 'spec', 'containers').map((container, index) => {
    const image = readText(container, 'image');
    return {
      name: readText(container, 'name'),
      image,
      imageID: `${image.split(':')[0] ?? image}@sha256:simulated`,
      restartCount: Number(read(before[index], 'restartCount') ?? 0),
      ready,
      started: ready,
      ...state(before[index]),
    };
  });
  const conditions = [
    condition('PodScheduled', true, readText(pod, 'metadata', 'creationTimestamp')),
    condition('Initialized', true, at),
    condition('ContainersReady', ready, at),
    condition('Ready', ready, at),
  ];
  return { ...pod, status: { ...pod.status, ...status, conditions, containerStatuses } };
}

function condition(type: string, holds: boolean, at: string): JsonObject {
  return { type, status: holds ? 'True' : 'False', lastProbeTime: null, lastTransitionTime: at };
}
