/** The door of live Kubernetes lists: lists, objects, windows and logs that stay current. */
export {
  liveList,
  LiveList,
  rowAt,
  type ListOptions,
  type ListQuestion,
  type ListSnapshot,
} from './kube/live-list.js';
export {
  liveObject,
  LiveObject,
  type ObjectOptions,
  type ObjectQuestion,
  type ObjectSnapshot,
} from './kube/live-object.js';
export {
  liveWindow,
  LiveWindow,
  type WindowOptions,
  type WindowQuestion,
  type WindowSnapshot,
  type WindowView,
} from './kube/live-window.js';
export { liveLog, LiveLog, type LogOptions, type LogQuestion, type LogSnapshot } from './kube/live-log.js';
export type { LogBounds, LogEntry } from './kube/log-lines.js';
export type { LiveOptions } from './kube/options.js';
export type {
  Health,
  Kind,
  KubeMetadata,
  KubeObject,
  ListHealth,
  LiveClient,
  LiveState,
  Origin,
  Place,
  Selectors,
} from './kube/types.js';
export type { LogLine, WindowColumn, WindowFilter, WindowRow, WindowSort } from '@trunkline/contracts/kube';
