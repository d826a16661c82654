/**
 * The endpoint port: who may open a connection on a path, and what is spoken there. With the codec, the link profile and the session
 * plan it makes up one wire; the native wire is two endpoints with the same four parts as any foreign one.
 */
import type { Codec, Command, Encoded, OverflowOutcome } from '@trunkline/protocol';
import type { Principal } from './principal.js';

/** A request to open a connection, free of any HTTP library. */
export interface OpenRequest {
  readonly method: string;
  readonly path: string;
  /** Values of `:name` parts of the endpoint's path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Lower-case names; repeated headers joined by `, `. Untrusted. */
  readonly headers: Readonly<Record<string, string>>;
  /** The peer's address, forwarded headers resolved only behind configured proxies. */
  readonly remoteAddress: string;
  /** Whether the `Origin` header is absent, or the server's own, or configured. Endpoints for browsers refuse where it is false. */
  readonly originAllowed: boolean;
  readonly subprotocols: readonly string[];
}

/** Numbers of a link. Each is resolved from options by the endpoint's owner. */
export interface LinkProfile {
  /** `frame`: the codec's ping document, answered by a pong command. `transport`: the transport's own. */
  readonly ping: {
    readonly kind: 'frame' | 'transport' | 'none';
    readonly intervalMs: number;
    readonly pongTimeoutMs: number;
  };
  /** Whether several documents may travel in one frame. */
  readonly joinDocuments: boolean;
  readonly maxFrameBytes: number;
  readonly maxCommandsPerFrame: number;
  readonly maxDepth: number;
  /** Outbox bounds: publications waiting and bytes waiting. */
  readonly outboxMaxMessages: number;
  readonly outboxMaxBytes: number;
  /** Close codes of this wire for the native ones; absent entries stay. */
  readonly closeCodes?: ReadonlyMap<number, number>;
  /** Overrides the channel's outcome for readers of this wire; `close` ends the connection. */
  readonly overflow?: OverflowOutcome | 'close';
  /** How long an opened connection may stay without its first command. */
  readonly firstCommandTimeoutMs: number;
}

/** What a wire does by itself when a connection opens: commands run as if the peer had sent them, replies go to the codec. */
export interface SessionPlan {
  readonly commands: readonly Command[];
  onOpen?(clientId: string): void;
  onClose?(clientId: string): void;
}

export type OpenDecision =
  | {
      readonly kind: 'accept';
      readonly codec: Codec;
      readonly profile: LinkProfile;
      /** Sub-protocol to select, one of those offered. */
      readonly subprotocol?: string;
      /** Where the endpoint itself authenticated; otherwise the connect command does. */
      readonly principal?: Principal;
      readonly plan?: SessionPlan;
    }
  | {
      readonly kind: 'refuse';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | {
      readonly kind: 'acceptThenClose';
      readonly frames: readonly Encoded[];
      readonly binary: boolean;
      readonly code: number;
      readonly reason: string;
      readonly subprotocol?: string;
    };

export interface Endpoint {
  readonly id: string;
  readonly method: 'GET';
  /** Path with `:name` parts, e.g. `/panels/:id/ws`. */
  readonly path: string;
  readonly transport: 'websocket';
  /** Milliseconds `open` may take before the request is refused with 503. */
  readonly deadlineMs: number;
  open(request: OpenRequest, signal: AbortSignal): Promise<OpenDecision> | OpenDecision;
}
