/** Who acts: born in an authenticator, never read from a message again. */
import type { Payload } from '@trunkline/protocol';

/** Roles of an org (`viewer`, `member`, `admin`) and of the installation (`operator`). */
export type Role = 'viewer' | 'member' | 'admin' | 'operator';

/** A right that a token grants on channels, beyond what namespaces allow. */
export interface Capability {
  /** Channel names, or patterns with `*` where `match` says so. */
  readonly channels: readonly string[];
  readonly match: 'exact' | 'wildcard';
  readonly allow: readonly CapabilityRight[];
}
export type CapabilityRight = 'sub' | 'pub' | 'prs' | 'hst' | 'rpc';

export interface Principal {
  /** `''` for an anonymous user. */
  readonly user: string;
  readonly org: string;
  readonly roles: readonly Role[];
  readonly groups: readonly string[];
  readonly caps: readonly Capability[];
  /** Shown to others in presence and as publisher information. */
  readonly info?: Payload;
  /** Channels the server subscribes this client to. */
  readonly channels: readonly string[];
  /** The login session that vouches for it; absent: none does. Connections of one session can be ended together. */
  readonly session?: string;
  /** Unix milliseconds; absent: does not expire. */
  readonly expiresAtMs?: number;
}
