/**
 * The way to a cluster as a port: one request out, one answer with a stream of bytes back. The stream is pulled: who does not read does not make the other side
 * send. Above it nothing knows sockets, so that tests can put a server of their own in its place, byte for byte, on a fake clock.
 */
import type { Credential } from '../credential.js';

export interface WireRequest {
  readonly method: string;
  /** Path with query, prefix included. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** Shown in the TLS handshake where it has a client certificate. */
  readonly credential: Credential;
  /** Ends the request, and the stream of its answer. */
  readonly signal: AbortSignal;
}

export interface WireAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Ending the iteration early closes the stream. A stream that was cut fails with `kubeConnectionLost`. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Wire {
  /** Resolves when the headers are there. Fails with `kubeUnreachable`, or with the reason of the signal. */
  send(request: WireRequest): Promise<WireAnswer>;
  /** Lets requests under way come to their end and dials no more. */
  dispose(): Promise<void>;
}
