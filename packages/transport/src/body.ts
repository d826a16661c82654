/** The body of a request, whole or not at all: bounded in bytes and in time. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '@trunkline/base';

export type Body =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'tooLarge' }
  /** It stopped arriving. */
  | { readonly kind: 'late' }
  /** The peer is gone. */
  | { readonly kind: 'gone' };

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** Watches a body as it arrives: is given all that came so far, and answers false where the rest is not wanted. */
export type BodyWatch = (soFar: Buffer) => boolean;

const FIRST_BYTES = 1_024;

/** Never rejects. After `tooLarge`, which is also what `watch` makes of a body, the rest is read and thrown away. */
export function readBody(
  clock: Clock,
  request: IncomingMessage,
  limits: BodyLimits,
  watch: BodyWatch = () => true,
): Promise<Body> {
  return new Promise((resolve) => {
    // One buffer that grows: a body in a million pieces would cost a hundred times its bytes.
    let buffer = Buffer.alloc(0);
    let size = 0;
    const announced = Number(request.headers['content-length'] ?? 0);
    const settle = (body: Body): void => {
      timer.cancel();
      request.off('data', onData);
      request.off('end', onEnd);
      request.off('close', onClose);
      if (body.kind !== 'whole') request.resume();
      resolve(body);
    };
    const onData = (chunk: Buffer): void => {
      const total = size + chunk.length;
      if (total > limits.maxBytes || announced > limits.maxBytes) {
        // Whose it is may still be seen.
        if (size === 0) watch(chunk);
        settle({ kind: 'tooLarge' });
        return;
      }
      if (total > buffer.length) {
        const larger = Buffer.allocUnsafe(Math.max(FIRST_BYTES, total, 2 * buffer.length));
        buffer.copy(larger, 0, 0, size);
        buffer = larger;
      }
      chunk.copy(buffer, size);
      size = total;
      if (!watch(buffer.subarray(0, size))) settle({ kind: 'tooLarge' });
    };
    const onEnd = (): void => settle({ kind: 'whole', bytes: buffer.subarray(0, size) });
    const onClose = (): void => settle({ kind: 'gone' });
    const timer = clock.setTimeout(() => settle({ kind: 'late' }), limits.timeoutMs);
    if (request.destroyed) {
      settle({ kind: 'gone' });
      return;
    }
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('close', onClose);
  });
}
