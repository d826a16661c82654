/** Who acts, and what a change consists of: shared by all files of this module. */
import type { DirectoryChange, OrgRole } from '@trunkline/contracts/directory';
import type { Role } from '@trunkline/hub';

/** Who asks for a change, as the authenticator says; goes into the audit log. */
export interface Actor {
  readonly user: string;
  readonly org: string;
  readonly roles: readonly Role[];
  /** The console session that asks; absent: somebody who did not sign in here, whatever name the credential gives. */
  readonly session?: string | undefined;
  readonly requestId: string;
  /** '' where it is not known. */
  readonly address: string;
}

export interface AuditEntry {
  /** '' for what concerns the installation. */
  readonly org: string;
  readonly action: string;
  readonly target: string;
  /** Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A change as readers of the org are told of it. */
export interface OrgChange extends Omit<DirectoryChange, 'atMs'> {
  readonly org: string;
}

/** What a user may do in an org. */
export interface Grant {
  readonly user: string;
  readonly org: string;
  readonly roles: readonly Role[];
  readonly groups: readonly string[];
  /** False: an operator who is not a member. */
  readonly member: boolean;
}

export const ORG_ROLES: readonly OrgRole[] = ['viewer', 'member', 'admin'];

/** The server itself, for what nobody asked for. */
export const SYSTEM: Actor = { user: 'system', org: '', roles: ['operator'], requestId: '', address: '' };
