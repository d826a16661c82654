/** Doubles for tests of this package and of those that stand on it: a wire by hand, and a cluster of one resource behind it. */
export {
  answerJson,
  answerStatus,
  answerText,
  FakeBody,
  FakeWire,
  neverAnswer,
} from './testing/fake-wire.js';
export {
  FakeCluster,
  hang,
  refuseConnection,
  type FakeClusterState,
  type FakeObject,
} from './testing/fake-cluster.js';
