/** Records of the directory as they travel: orgs, users, members, groups, keys, secrets, invitations, the audit log. Times are Unix milliseconds. */
import { z } from 'zod';

export const orgId = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/)
  .describe('1 to 64 of A-Z a-z 0-9 . _ -');
/** A user's id: the `sub` of tokens, the user of connections. Printable. */
export const userId = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,255}$/u);
export const name = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,200}$/u);
/** Of groups, keys and secrets: what a command line and a log line can hold unquoted. */
export const handle = z.string().regex(/^[\w.:@-]{1,64}$/);
export const email = z
  .string()
  .max(254)
  .regex(/^[^@\s\p{Cc}]+@[^@\s\p{Cc}]+$/u);
const clusterName = z.string().regex(/^[\w.:@/-]{1,253}$/);
const namespaceName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);

export const orgRole = z.enum(['viewer', 'member', 'admin']);
export const roles = z.array(orgRole).min(1).max(3);

export const kubernetesScope = z.object({ cluster: clusterName, namespace: namespaceName });

/** Each number is a limit on every node, within the node's own; null or absent: the node's own alone. */
export const quotas = z.object({
  maxConnections: z.number().int().min(0).nullable().optional(),
  maxSubscriptionsPerConnection: z.number().int().min(1).nullable().optional(),
  commandsPerSecond: z.number().int().min(1).nullable().optional(),
  publicationsPerSecond: z.number().int().min(1).nullable().optional(),
});

export const orgRecord = z.object({
  id: z.string(),
  name: z.string(),
  /** Clusters whose existence the org may see. */
  clusters: z.array(z.string()),
  /** What it may look into. */
  kubernetes: z.array(z.object({ cluster: z.string(), namespace: z.string() })),
  quotas,
  members: z.number(),
  createdMs: z.number(),
  updatedMs: z.number(),
});

export const userRecord = z.object({
  id: z.string(),
  /** Who vouches for it: `console` (the one-time link) or an OpenID provider's address. */
  issuer: z.string(),
  subject: z.string(),
  email: z.string().nullable(),
  name: z.string(),
  /** Runs the installation. */
  operator: z.boolean(),
  disabled: z.boolean(),
  createdMs: z.number(),
  lastSeenMs: z.number().nullable(),
});

export const membership = z.object({ org: z.string(), orgName: z.string(), roles: z.array(orgRole) });

export const memberRecord = z.object({
  user: z.string(),
  name: z.string(),
  email: z.string().nullable(),
  disabled: z.boolean(),
  roles: z.array(orgRole),
  /** `provider`: follows the claims of the identity provider at each sign-in. */
  source: z.enum(['directory', 'provider']),
  sinceMs: z.number(),
  lastSeenMs: z.number().nullable(),
});

export const groupRecord = z.object({
  name: z.string(),
  members: z.array(z.string()),
  updatedMs: z.number(),
});

export const keyRecord = z.object({
  id: z.string(),
  /** `*`: every org; the request names one. */
  org: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  createdMs: z.number(),
  createdBy: z.string(),
  expiresMs: z.number().nullable(),
  /** Within some seconds. */
  lastUsedMs: z.number().nullable(),
  /** From when on it is refused: in the future for a key that was replaced and overlaps with its successor. */
  revokedMs: z.number().nullable(),
});

/** Never the value. */
export const secretRecord = z.object({
  name: z.string(),
  /** Which encryption key it is under. */
  keyId: z.string(),
  createdMs: z.number(),
  updatedMs: z.number(),
  updatedBy: z.string(),
});

/** An encryption key, by its id; the key itself never travels. */
export const secretKeyRecord = z.object({
  keyId: z.string(),
  /** Seals what is kept from now on. */
  current: z.boolean(),
  /** Whether this node was given it. */
  held: z.boolean(),
  /** Secrets of all orgs that are under it. */
  secrets: z.number(),
});

export const invitationRecord = z.object({
  id: z.string(),
  email: z.string(),
  roles: z.array(orgRole),
  invitedBy: z.string(),
  createdMs: z.number(),
  expiresMs: z.number(),
  acceptedMs: z.number().nullable(),
});

export const sessionRecord = z.object({
  id: z.string(),
  user: z.string(),
  /** How it began. */
  door: z.enum(['link', 'oidc', 'invitation']),
  address: z.string(),
  createdMs: z.number(),
  expiresMs: z.number(),
  lastSeenMs: z.number(),
  /** The one that asks. */
  current: z.boolean(),
});

export const auditRecord = z.object({
  id: z.number(),
  /** '' for what concerns the installation. */
  org: z.string(),
  atMs: z.number(),
  /** A user's id, `apikey:<name>`, or `system`. */
  actor: z.string(),
  /** e.g. `key.revoked`. */
  action: z.string(),
  target: z.string(),
  requestId: z.string(),
  address: z.string(),
  /** What changed; never a secret. */
  details: z.record(z.string(), z.unknown()),
});

/** Told after the commit; what it now looks like is asked for. */
export const change = z.object({
  kind: z.enum(['org', 'user', 'member', 'group', 'key', 'secret', 'invitation']),
  id: z.string(),
  action: z.enum(['created', 'updated', 'removed']),
  atMs: z.number(),
});

export type OrgRecord = z.output<typeof orgRecord>;
export type Quotas = z.output<typeof quotas>;
export type UserRecord = z.output<typeof userRecord>;
export type OrgRole = z.output<typeof orgRole>;
export type Membership = z.output<typeof membership>;
export type MemberRecord = z.output<typeof memberRecord>;
export type GroupRecord = z.output<typeof groupRecord>;
export type KeyRecord = z.output<typeof keyRecord>;
export type SecretRecord = z.output<typeof secretRecord>;
export type SecretKeyRecord = z.output<typeof secretKeyRecord>;
export type InvitationRecord = z.output<typeof invitationRecord>;
export type SessionRecord = z.output<typeof sessionRecord>;
export type AuditRecord = z.output<typeof auditRecord>;
export type DirectoryChange = z.output<typeof change>;
