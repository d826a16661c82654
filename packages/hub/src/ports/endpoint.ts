/**
 * The endpoint port: who may open a connection on a path, and what is spoken there. With the codec, the link profile and the session
 * plan it makes up one wire; the native wire is two endpoints with the same four parts as any foreign one.
 */
import type { Close, Codec, Command, Encoded, OverflowOutcome } from '@trunkline/protocol';
import type { Principal } from './principal.js';

/** A request to open a connection, free of any HTTP library. */
export interface OpenRequest {
  readonly method: string;
  readonly path: string;
  /** Values of `:name` parts of the endpoint's path, decoded, and of a `*name` at its end, as it came. */
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
  /**
   * For peers that cannot subscribe again: where a subscription loses continuity the connection ends (3010) instead of the
   * subscription alone (2500), so that a new connection continues by position. Default false.
   */
  readonly cutEndsConnection?: boolean;
}

/**
 * The bytes of one connection's stream, where they depend on more than the documents. One object per connection, called with documents
 * in the order in which they leave and only with those that do.
 */
export interface StreamWriter {
  /** Before the first document; may be empty. */
  open(): string;
  write(documents: readonly Encoded[]): Uint8Array;
  /** Set once a document was written after which the peer must come back: the transport closes with it behind that document. */
  readonly ending: Close | undefined;
}

/** What a wire does by itself when a connection opens: commands run as if the peer had sent them, replies go to the codec. */
export interface SessionPlan {
  readonly commands: readonly Command[];
  onOpen?(clientId: string): void;
  onClose?(clientId: string): void;
}

/**
 * A connection without commands, channels and codec, as its endpoint sees it: frames out, each a document, in order and bounded. Everything else of a connection (who it is,
 * limits, pings, drain, expiry, its end from outside) is as for any other.
 */
export interface Line {
  /** Its client id in lists of connections. */
  readonly id: string;
  readonly principal: Principal;
  readonly open: boolean;
  /** The peer is behind: what is sent now waits. */
  readonly blocked: boolean;
  /**
   * Queues a document as a frame of its own, binary for a `BinaryEncoded` and text otherwise. False: the outbox is full and the document was not taken; `onDrained` follows. On a closed line nothing happens, and the answer
   * is true. A document that goes to several lines is framed once.
   */
  send(document: Encoded): boolean;
  /** Stops reading from the peer until as many `release` calls came. */
  hold(): void;
  release(): void;
  /** Sends what waits, then closes. Repeats are harmless. */
  close(close: Close): void;
}

/** The endpoint's side of a line. Calls come in order, none after `onClosed`; one that throws ends the line. */
export interface Conversation {
  /** At most `maxFrameBytes` of the profile long. */
  onFrame(frame: string | Uint8Array): void;
  /** The peer caught up. */
  onDrained(): void;
  /** Exactly once, however it ended; with this side's code where it closed first, else the peer's, else 1006. */
  onClosed(code: number, reason: string, by: 'server' | 'client'): void;
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
      /** Taken as the peer's first frame, where a request without a body carries it (SSE). */
      readonly firstFrame?: string;
      /** Of HTTP transports; absent: the transport's own form of the codec's documents. */
      readonly writer?: StreamWriter;
    }
  | {
      /** WebSocket only: the endpoint reads and writes the frames itself. */
      readonly kind: 'converse';
      readonly principal: Principal;
      /** Of its numbers those about commands do not apply; a `frame` ping is a transport's. */
      readonly profile: LinkProfile;
      readonly subprotocol?: string;
      /** Called once, when the connection is open. */
      begin(line: Line): Conversation;
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
  readonly method: 'GET' | 'POST';
  /** Path with `:name` parts, e.g. `/panels/:id/ws`; a `*name` at its end stands for the rest, one segment or more. */
  readonly path: string;
  /**
   * `websocket` frames both ways on an upgraded socket. The others are one HTTP response that stays open: `http_stream` a line or a
   * self-delimited document each, its first frame the request's body; `sse` an event each; both with upstream frames as requests of
   * their own, by session. `uni_sse` has no way up.
   */
  readonly transport: 'websocket' | 'http_stream' | 'sse' | 'uni_sse';
  /** Milliseconds `open` may take before the request is refused with 503. */
  readonly deadlineMs: number;
  open(request: OpenRequest, signal: AbortSignal): Promise<OpenDecision> | OpenDecision;
}
