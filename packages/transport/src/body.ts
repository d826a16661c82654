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

/** Never rejects. `onBegin` is given the first bytes, once. After `tooLarge` the rest is read and thrown away. */
export function readBody(
  clock: Clock,
  request: IncomingMessage,
  limits: BodyLimits,
  onBegin: (first: Buffer) => void = () => undefined,
): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
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
      if (size === 0) onBegin(chunk);
      size += chunk.length;
      if (size > limits.maxBytes || announced > limits.maxBytes) settle({ kind: 'tooLarge' });
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle({ kind: 'whole', bytes: Buffer.concat(chunks, size) });
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
