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

/** A WebSocket that is asked for. The signal ends the handshake, and has no meaning for the socket afterwards. */
export interface DialRequest extends Omit<WireRequest, 'method' | 'body'> {
  /** Sub-protocols that are offered; often with a slash in their name, which browsers do not allow. */
  readonly protocols: readonly string[];
  /** Longest frame of the server. */
  readonly maxFrameBytes: number;
}

export type DialAnswer =
  | { readonly kind: 'open'; readonly socket: KubeSocket }
  /** Any answer but a handshake. */
  | { readonly kind: 'refused'; readonly answer: WireAnswer };

/** An open WebSocket. Nothing is read from it before `start`; whoever has it closes it. */
export interface KubeSocket {
  /** The sub-protocol that the server selected; '' for none. */
  readonly protocol: string;
  /** Once. Frames that came before are not lost. */
  start(events: KubeSocketEvents): void;
  /** A string is a text frame. False: the server is behind, and `onDrained` follows; what was given is sent either way. */
  send(frame: string | Uint8Array): boolean;
  ping(): void;
  /** Stops and restarts reading. Of what was read already at most one read of the connection still arrives. */
  pause(): void;
  resume(): void;
  /** Sends what was given, then closes. A code that no close frame can carry (1005, 1006) closes without one. Long reasons are cut. A server that does not answer within 5 s is cut off. */
  close(code: number, reason: string): void;
  /** Ends the connection without ceremony. */
  destroy(): void;
}

/** Calls come in order; none after `onClosed`, which comes exactly once. */
export interface KubeSocketEvents {
  onFrame(frame: Uint8Array, binary: boolean): void;
  /** The server caught up after `send` had returned false. */
  onDrained(): void;
  /** With the server's code and reason; 1005 for a close without a code, 1006 where the connection broke, 1009 for a frame above `maxFrameBytes`. */
  onClosed(code: number, reason: string): void;
}

export interface Wire {
  /** Resolves when the headers are there. Fails with `kubeUnreachable`, or with the reason of the signal. */
  send(request: WireRequest): Promise<WireAnswer>;
  /** A WebSocket over the same way. Fails like `send`. Absent: there are none over this wire. */
  dial?(request: DialRequest): Promise<DialAnswer>;
  /** Lets requests under way come to their end and dials no more. */
  dispose(): Promise<void>;
}
