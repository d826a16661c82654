/** What a simulated client may know of its world. */
import type { ChannelKey, Position } from '@trunkline/protocol';
import type { Case } from './cases.js';
import type { Dice } from './dice.js';
import type { ClientEnd, Link } from './link.js';
import type { OutsideMaps } from './local-map.js';
import type { SimTime } from './time.js';
import type { Truth } from './truth.js';

export interface Surroundings {
  readonly time: SimTime;
  readonly dice: Dice;
  readonly truth: Truth;
  readonly outside: OutsideMaps;
  /** Opens a connection to whichever node the balancer gives. */
  connect(end: ClientEnd): Link;
  /** Notes what must not be. */
  readonly problem: (text: string) => void;
  /** Whether a reader at this position can be given everything after it: nothing was lost, and it is within the bounds of recovery. */
  mustRecover(item: Case, key: ChannelKey, at: Position | undefined): boolean;
  /** What stands behind a local channel on a node now; another word once it began anew. */
  sourceOf(node: number | undefined, key: ChannelKey): string;
  /** Called with what a reader is handed: it must not be of a time long after the reader lost its permission. */
  requirePermitted(reader: string, user: string, item: Case, key: ChannelKey, data: unknown): void;
  /** The engine or the store misbehaved a moment ago. */
  readonly disturbed: boolean;
  /** The engine lost acknowledged writes at some time. */
  readonly everWentBack: boolean;
}
