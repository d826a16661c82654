/**
 * Differences in place of whole values. The transport package puts values together; one that it cannot put together makes it stop the whole
 * client for good, so its codec is given a net: such a value becomes `BROKEN`, and the wire treats it as lost. And it turns every value of a map's first state into
 * bytes, for a difference that most of them never get; here they stay text until one comes. It also reads all values of all pages in one go, behind the last page; here
 * those of a page are read while the next one is on its way.
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

interface StatePage {
  /** 1 while pages of state follow; absent, or 0, in the last answer. */
  readonly phase?: number;
  readonly delta?: boolean;
  readonly state?: readonly Seeded[];
}

interface Tracking {
  readonly _prevValueMap: Map<string, unknown>;
  _handleMapStateResponse(flow: unknown, page: StatePage): void;
  _seedDeltaTracking(publication: Seeded, negotiated: boolean): void;
  _deltaNumPubs: number;
  _deltaNumFull: number;
  _deltaBytesReceived: number;
  _deltaBytesDecoded: number;
}

/** Data of a page that was read before the last answer came. */
class ReadAhead {
  readonly text: string;
  readonly value: unknown;

  constructor(text: string) {
    this.text = text;
    this.value = JSON.parse(text);
  }
}

/** For a subscription with `netDeltas`. Of values in the first state that are not ASCII, its statistics count characters. */
export function keepTexts(sub: MapSubscription): void {
  const tracking = sub as unknown as Tracking;
  const take = tracking._handleMapStateResponse.bind(sub);
  tracking._handleMapStateResponse = (flow, page) => {
    // Asks for the next page.
    take(flow, page);
    if (page.phase !== undefined && page.phase !== 0 && page.delta === true) page.state?.forEach(readAhead);
  };
  const seed = tracking._seedDeltaTracking.bind(sub);
  tracking._seedDeltaTracking = (publication, negotiated) => {
    const { key = '', data, removed } = publication;
    const read = data instanceof ReadAhead ? data : undefined;
    const text = read === undefined ? data : read.text;
    if (!negotiated || removed === true || key === '' || typeof text !== 'string') {
      publication.data = text;
      return seed(publication, negotiated);
    }
    tracking._prevValueMap.set(key, text);
    tracking._deltaNumPubs++;
    tracking._deltaNumFull++;
    tracking._deltaBytesReceived += text.length;
    tracking._deltaBytesDecoded += text.length;
    publication.data = read === undefined ? JSON.parse(text) : read.value;
  };
}

function readAhead(entry: Seeded): void {
  if (entry.removed === true || entry.key === undefined || typeof entry.data !== 'string') return;
  try {
    entry.data = new ReadAhead(entry.data);
  } catch {
    // What cannot be read fails behind the last page, where the transport package expects it.
  }
}
