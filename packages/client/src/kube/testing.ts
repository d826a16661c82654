/** Doubles for tests and benchmarks of what stands on live lists: the kube module as a client sees it, and a list's channel that is fed by hand. */
export { FakeKube, type Refusal } from './testing/fake-kube.js';
export { fakeMap, type FakeMap } from './testing/fake-map.js';
