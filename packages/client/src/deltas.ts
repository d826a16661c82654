/**
 * Differences in place of whole values. The transport package puts values together; one that it cannot put together makes it stop the whole
 * client for good, so its codec is given a net: such a value becomes `BROKEN`, and the wire treats it as lost.
 */
import type { Centrifuge } from 'centrifuge';

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
      return apply(publication, base);
    } catch {
      return { newData: BROKEN, newPrevValue: base };
    }
  };
}
