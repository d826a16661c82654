/**
 * A cut of a list on its way to the engine: which objects, of which moment, and how far it has been sent. It is given out in parts, so that a large list is copied a few hundred kilobytes at a
 * time and holds up no small one.
 */
import type { KubeObject } from '@trunkline/kube-client';
import type { CutPart, SourceFacts } from './messages.js';

/** Keys of removed objects in one part. */
const GONE_MAX = 5_000;

export interface Cut {
  readonly full: boolean;
  readonly objects: readonly KubeObject[];
  readonly gone: readonly string[];
  /** `arriving`: more objects will come. `whole`: they are all there, and the cut ends with the next word about the list. */
  phase: 'arriving' | 'whole' | 'ended';
  /** Of the moment of the cut. */
  state: SourceFacts;
  sentObjects: number;
  sentGone: number;
}

/** The next part; with the last one, and with no other, goes the state. One that is still arriving must have objects that were not sent. */
export function takePart(cut: Cut, table: number, partMaxBytes: number): CutPart {
  const first = cut.sentObjects === 0 && cut.sentGone === 0;
  const from = cut.sentObjects;
  let size = 0;
  while (cut.sentObjects < cut.objects.length) {
    const length = cut.objects[cut.sentObjects]?.json.length ?? 0;
    if (size > 0 && size + length > partMaxBytes) break;
    size += length;
    cut.sentObjects++;
  }
  const gone = cut.gone.slice(cut.sentGone, cut.sentGone + GONE_MAX);
  cut.sentGone += gone.length;
  const isSent = cut.sentObjects === cut.objects.length && cut.sentGone === cut.gone.length;
  const last = isSent && cut.phase === 'ended' ? cut.state : undefined;
  const packed = pack(cut.objects, from, cut.sentObjects, size);
  return { kind: 'part', table, full: cut.full, first, last, gone, ...packed };
}

/** Copied, since the store keeps its own; then given away, so that it is copied once. */
function pack(
  objects: readonly KubeObject[],
  from: number,
  to: number,
  size: number,
): Pick<CutPart, 'bytes' | 'lengths'> {
  const bytes = new Uint8Array(size);
  const lengths = new Uint32Array(to - from);
  let at = 0;
  for (let index = from; index < to; index++) {
    const { json } = objects[index] as KubeObject;
    bytes.set(json, at);
    lengths[index - from] = json.length;
    at += json.length;
  }
  return { bytes, lengths };
}
