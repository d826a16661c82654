/** A reflector over a `FakeCluster`, on a fake clock, with everything it says written down. */
import { createSeededRandom } from '@trunkline/base';
import { FakeClock, MemoryLogger } from '@trunkline/base/testing';
import { createKubeCluster, type KubeCluster } from '../cluster.js';
import type { KubeClusterOptions } from '../options.js';
import type { KubeQuestion } from '../question.js';
import type { ReflectorOptions } from '../reflector/options.js';
import { Reflector } from '../reflector/reflector.js';
import type { Change, ReflectorSink, ReflectorState } from '../reflector/types.js';
import type { KubeObject } from '../wire/object.js';
import { FakeCluster } from './fake-cluster.js';

export const THINGS: KubeQuestion = { group: '', version: 'v1', resource: 'things' };

export interface ReflectorBed {
  readonly clock: FakeClock;
  readonly logger: MemoryLogger;
  readonly fake: FakeCluster;
  readonly cluster: KubeCluster;
  readonly reflector: Reflector;
  readonly changes: Change[];
  readonly states: ReflectorState[];
  /** What a reader has that applied every change to an empty map: JSON texts by key. */
  readonly copy: Map<string, string>;
  /** What has arrived of the list that is being read; the number of lists that were begun. */
  readonly arrived: Map<string, KubeObject>;
  begun: number;
  /** Awaited after each batch; for slow readers. */
  onBatch: () => void | Promise<void>;
}

export function createReflectorBed(
  given: Partial<ReflectorOptions> = {},
  clusterOptions: Partial<KubeClusterOptions> = {},
  seed = 1,
): ReflectorBed {
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  const fake = new FakeCluster();
  const cluster = createKubeCluster({ clock, wire: fake.wire }, { server: 'http://fake' }, clusterOptions);
  const copy = new Map<string, string>();
  const changes: Change[] = [];
  const states: ReflectorState[] = [];
  const arrived = new Map<string, KubeObject>();
  const sink: ReflectorSink = {
    onArriving: (objects) => {
      if (objects !== undefined) for (const object of objects) arrived.set(object.key, object);
      else {
        arrived.clear();
        bed.begun++;
      }
    },
    onChanges: (batch) => {
      // Whoever has prepared what arrived has all of the list, and nothing else. A failure here ends the reflector.
      const isFirst = changes.length === 0 && arrived.size > 0;
      if (
        isFirst &&
        (batch.length !== arrived.size || batch.some(({ key, object }) => arrived.get(key) !== object))
      )
        throw new Error('what arrived is not the list');
      for (const change of batch) {
        changes.push(change);
        if (change.kind === 'deleted') copy.delete(change.key);
        else copy.set(change.key, Buffer.from(change.object.json).toString());
      }
      return bed.onBatch();
    },
    onState: (state: ReflectorState) => void states.push(state),
  };
  const random = createSeededRandom(seed);
  const reflector = new Reflector({ clock, random, logger, cluster, sink }, THINGS, given);
  const bed: ReflectorBed = {
    clock,
    logger,
    fake,
    cluster,
    reflector,
    changes,
    states,
    copy,
    arrived,
    begun: 0,
    onBatch: () => undefined,
  };
  return bed;
}

/** The reflector's store as JSON texts by key. */
export function storeOf(reflector: Reflector): Map<string, string> {
  return new Map([...reflector.values()].map(({ key, json }) => [key, Buffer.from(json).toString()]));
}
