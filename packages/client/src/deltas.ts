/**
 * Differences in place of whole values. The transport package puts values together; one that it cannot put together makes it stop the whole
 * client for good, so its codec is given a net: such a value becomes `BROKEN`, and the wire treats it as lost. And it turns every value of a map's first state into
 * bytes, for a difference that most of them never get; here they stay text until one comes.
 */
import { utf8 } from '@trunkline/protocol';
import type { Centrifuge, MapSubscription } from 'centrifuge';

/** In place of data that could not be put together. */
export const BROKEN = Symbol('broken delta');

interface Codec {
  applyDeltaIfNeeded(publication: unknown, base: unknown): object;
}

/** Idempotent. */
export function netDeltas(centrifuge: Centrifuge): void {
  // Not part of the package's types; the version is pinned, and a test meets a broken difference.
  const codec = (centrifuge as unknown as { readonly _codec: Codec })._codec;
  if (Object.hasOwn(codec, 'applyDeltaIfNeeded')) return;
  const apply = codec.applyDeltaIfNeeded.bind(codec);
  codec.applyDeltaIfNeeded = (publication, base) => {
    try {
      return apply(publication, typeof base === 'string' ? utf8(base) : base);
    } catch {
      return { newData: BROKEN, newPrevValue: base };
    }
  };
}

interface Seeded {
  readonly key?: string;
  readonly removed?: boolean;
  data: unknown;
}

interface Tracking {
  readonly _prevValueMap: Map<string, unknown>;
  _seedDeltaTracking(publication: Seeded, negotiated: boolean): void;
  _deltaNumPubs: number;
  _deltaNumFull: number;
  _deltaBytesReceived: number;
  _deltaBytesDecoded: number;
}

/** For a subscription with `netDeltas`. Of values in the first state that are not ASCII, its statistics count characters. */
export function keepTexts(sub: MapSubscription): void {
  const tracking = sub as unknown as Tracking;
  const seed = tracking._seedDeltaTracking.bind(sub);
  tracking._seedDeltaTracking = (publication, negotiated) => {
    const { key = '', data, removed } = publication;
    if (!negotiated || removed === true || key === '' || typeof data !== 'string')
      return seed(publication, negotiated);
    tracking._prevValueMap.set(key, data);
    tracking._deltaNumPubs++;
    tracking._deltaNumFull++;
    tracking._deltaBytesReceived += data.length;
    tracking._deltaBytesDecoded += data.length;
    publication.data = JSON.parse(data);
  };
}
