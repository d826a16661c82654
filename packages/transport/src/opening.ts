/**
 * Asking an endpoint within its deadline. Whatever it does (answer, throw, answer late, never answer, or the peer goes away first)
 * ends in exactly one outcome; a late answer is ignored.
 */
import type { Clock } from '@trunkline/base';
import type { Endpoint, OpenDecision, OpenRequest } from '@trunkline/hub';

export type OpenOutcome =
  | { readonly kind: 'decided'; readonly decision: OpenDecision }
  | { readonly kind: 'late' }
  | { readonly kind: 'failed'; readonly cause: unknown }
  /** The peer closed before there was an answer. */
  | { readonly kind: 'gone' };

/** A socket or a response: what says once that its peer is gone. */
export interface Closing {
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

/** Never rejects. The endpoint's signal is aborted on `late` and `gone`. */
export function askEndpoint(
  clock: Clock,
  endpoint: Endpoint,
  request: OpenRequest,
  peer: Closing,
): Promise<OpenOutcome> {
  return new Promise((resolve) => {
    const controller = new AbortController();
    const settle = (outcome: OpenOutcome): void => {
      timer.cancel();
      peer.off('close', onGone);
      resolve(outcome);
      if (outcome.kind === 'late' || outcome.kind === 'gone')
        controller.abort(new Error(`opening ${outcome.kind}`));
    };
    const onGone = (): void => settle({ kind: 'gone' });
    const timer = clock.setTimeout(() => settle({ kind: 'late' }), endpoint.deadlineMs);
    peer.once('close', onGone);
    invoke(endpoint, request, controller.signal).then(
      (decision) => settle({ kind: 'decided', decision }),
      (cause: unknown) => settle({ kind: 'failed', cause }),
    );
  });
}

/** An endpoint that throws at once and one that rejects look the same. */
async function invoke(endpoint: Endpoint, request: OpenRequest, signal: AbortSignal): Promise<OpenDecision> {
  return endpoint.open(request, signal);
}
