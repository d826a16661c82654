/** Limits of the protocol itself; each is an option of the hub with these defaults. */
export interface ProtocolLimits {
  /** Bytes of one inbound frame. Default 2 MiB: a reconnect with 10,000 subscriptions is one frame of about 1.5 MB. */
  readonly maxFrameBytes: number;
  /** Commands of one inbound frame. Default 10,001: connect and 10,000 subscriptions. */
  readonly maxCommandsPerFrame: number;
  /** Nesting depth of inbound JSON. Default 64: deeper than any real payload, far from any parser's limit. */
  readonly maxDepth: number;
  /** UTF-16 units of a channel name. Default 255, the public default. */
  readonly maxChannelLength: number;
  /** Bytes of one publication's data. Default 1 MB. */
  readonly maxPublicationBytes: number;
}

export const DEFAULT_PROTOCOL_LIMITS: ProtocolLimits = {
  maxFrameBytes: 2 * 1024 * 1024,
  maxCommandsPerFrame: 10_001,
  maxDepth: 64,
  maxChannelLength: 255,
  maxPublicationBytes: 1_000_000,
};
