/**
 * The directory's wire: who may act (orgs, users, members, groups, keys, invitations, sessions), what an org keeps secret, and the audit log. The org
 * is the caller's and never a parameter, except where an operator speaks of orgs themselves. Everything here can also be called over HTTP:
 * `POST /directory/<method>`, params as the body. Error block 1200-1299.
 */
import type { CodeEntry } from '@trunkline/protocol';
import { z } from 'zod';
import { defineContract } from './contract.js';
import {
  auditRecord,
  change,
  email,
  groupRecord,
  handle,
  invitationRecord,
  keyRecord,
  kubernetesScope,
  memberRecord,
  membership,
  name,
  orgId,
  orgRecord,
  quotas,
  roles,
  secretKeyRecord,
  secretRecord,
  sessionRecord,
  userId,
  userRecord,
} from './directory-shapes.js';

export type * from './directory-shapes.js';

const entry = (
  code: number,
  message: string,
  retry: CodeEntry['retry'],
  meaning: string,
  help: string,
): CodeEntry => ({
  code,
  message,
  retry,
  meaning,
  help,
});

export const DIRECTORY_CODES = {
  secretsKeyWrong: entry(
    1200,
    'encryption key of secrets is wrong',
    'never',
    'Secrets in the store are encrypted under a key that this server was not given.',
    'Set `TRUNKLINE_SECRETS_KEY` to the key that was used (several, comma-separated, during a rotation), or put the key file back.',
  ),
  lastOperator: entry(
    1201,
    'the last operator',
    'never',
    'The change would leave the installation without an operator who can sign in.',
    'Make somebody else an operator first.',
  ),
  userDisabled: entry(
    1202,
    'user disabled',
    'never',
    'The user may not sign in or connect.',
    'An operator may enable the user again: `trunkline user enable`.',
  ),
  notInvited: entry(
    1203,
    'not invited',
    'never',
    'The identity provider knows the user, this installation does not.',
    'Invite the e-mail address, or map a group of the provider to an org (`auth.oidc.grants`).',
  ),
  signInFailed: entry(
    1204,
    'sign-in failed',
    'never',
    'The answer of the identity provider does not belong to this attempt, was used, or is not valid.',
    'Begin anew. If it happens again, the message says which part is wrong.',
  ),
  providerUnavailable: entry(
    1205,
    'identity provider unavailable',
    'afterBackoff',
    'The identity provider does not answer, or not as it should.',
    'Try again; see the log of the server, and check `auth.oidc.issuer`.',
  ),
  rotationRunning: entry(
    1206,
    'rotation in progress',
    'afterBackoff',
    'Secrets are being encrypted anew.',
    'Wait for the first one to end.',
  ),
} as const satisfies Record<string, CodeEntry>;

/** A repeat under the same key gets the first one's answer (7 days), however often it is sent. */
const idempotencyKey = z.string().min(1).max(255).optional();
const limit = z.number().int().min(1).max(1_000).optional();
/** Where the page before ended. */
const after = z.string().max(512).optional();
/** Absent on the last page. */
const next = z.string().optional();
/** Part of an id, a name or an address. */
const search = z.string().max(255).optional();

const orgFields = {
  name: name.optional(),
  clusters: z
    .array(z.string().regex(/^[\w.:@/-]{1,253}$/))
    .max(1_000)
    .optional(),
  kubernetes: z.array(kubernetesScope).max(1_000).optional(),
  quotas: quotas.optional(),
};

export const directoryContract = defineContract({
  id: 'directory',
  errors: DIRECTORY_CODES,
  rpc: {
    'directory.me': {
      summary: 'Who is asking, and the orgs that may be switched to.',
      params: z.object({}),
      result: z.object({
        user: z.string(),
        name: z.string(),
        email: z.string().nullable(),
        org: z.string(),
        roles: z.array(z.string()),
        operator: z.boolean(),
        /** False: whoever asks did not sign in here (a token of a host application, a key), and has no sessions and no orgs to switch to. */
        known: z.boolean(),
        /** The console session that asks. */
        session: z.string().optional(),
        orgs: z.array(membership),
      }),
    },

    // ------------------------------------------------------------ the installation, for operators
    'directory.orgs': {
      summary: 'Orgs in the order of their ids. For operators; others get their own.',
      params: z.object({ search, limit, after }),
      result: z.object({ orgs: z.array(orgRecord), next }),
    },
    'directory.createOrg': {
      summary: 'Makes an org. For operators.',
      idempotent: true,
      params: z.object({ id: orgId, ...orgFields, idempotencyKey }),
      result: z.object({ org: orgRecord }),
    },
    'directory.updateOrg': {
      summary: 'Changes fields of an org; lists and quotas are replaced whole. For operators.',
      idempotent: true,
      params: z.object({ id: orgId, ...orgFields, idempotencyKey }),
      result: z.object({ org: orgRecord }),
    },
    'directory.deleteOrg': {
      summary:
        'Removes an org with its memberships, groups, keys, secrets and invitations. Data of other modules stays, and so do connections until their credentials end. For operators.',
      idempotent: true,
      params: z.object({ id: orgId, idempotencyKey }),
      result: z.object({}),
    },
    'directory.users': {
      summary: 'Users of the installation in the order of their ids. For operators.',
      params: z.object({ search, limit, after }),
      result: z.object({ users: z.array(userRecord), next }),
    },
    'directory.user': {
      summary: 'One user with memberships. For operators.',
      params: z.object({ user: userId }),
      result: z.object({ user: userRecord, orgs: z.array(membership) }),
    },
    'directory.updateUser': {
      summary:
        'Disables, enables or renames a user, or makes one an operator. Disabling ends sessions and connections. For operators.',
      idempotent: true,
      params: z.object({
        user: userId,
        name: name.optional(),
        disabled: z.boolean().optional(),
        operator: z.boolean().optional(),
        idempotencyKey,
      }),
      result: z.object({ user: userRecord }),
    },
    'directory.rotateSecrets': {
      summary:
        'Encrypts every secret under the current key, a batch per call, until `remaining` is 0. For operators.',
      params: z.object({
        /** Secrets of this call. Default 100. */
        batch: z.number().int().min(1).max(1_000).optional(),
      }),
      result: z.object({ keyId: z.string(), rotated: z.number(), remaining: z.number() }),
    },

    'directory.secretKeys': {
      summary:
        'Encryption keys that secrets are under, and that this node holds; more than one is a rotation that has not ended. For operators.',
      params: z.object({}),
      result: z.object({
        /** False: keys come from the configuration, and a rotation begins with another first one there. */
        managed: z.boolean(),
        keys: z.array(secretKeyRecord),
      }),
    },

    // ------------------------------------------------------------ one org, for its administrators
    'directory.members': {
      summary: "The org's members in the order of their ids.",
      params: z.object({ search, limit, after }),
      result: z.object({ members: z.array(memberRecord), next }),
    },
    'directory.setMember': {
      summary:
        'Gives a member other roles instead of those before. An operator may make any user of the directory a member; others are invited.',
      idempotent: true,
      params: z.object({ user: userId, roles, idempotencyKey }),
      result: z.object({ member: memberRecord }),
    },
    'directory.removeMember': {
      summary: "Takes a user out of the org and its groups, and closes the user's connections there.",
      idempotent: true,
      params: z.object({ user: userId, idempotencyKey }),
      result: z.object({}),
    },
    'directory.groups': {
      summary: "The org's groups in the order of their names.",
      params: z.object({ limit, after }),
      result: z.object({ groups: z.array(groupRecord), next }),
    },
    'directory.setGroup': {
      summary: 'Makes a group, or replaces its members, who must be members of the org.',
      idempotent: true,
      params: z.object({ name: handle, members: z.array(userId).max(1_000), idempotencyKey }),
      result: z.object({ group: groupRecord }),
    },
    'directory.removeGroup': {
      summary: 'Removes a group.',
      idempotent: true,
      params: z.object({ name: handle, idempotencyKey }),
      result: z.object({}),
    },
    'directory.keys': {
      summary: "The org's API keys, newest first; for operators those of all orgs (`*`) too.",
      params: z.object({ revoked: z.boolean().optional(), limit, after }),
      result: z.object({ keys: z.array(keyRecord), next }),
    },
    'directory.createKey': {
      summary: 'Makes an API key, shown in this answer and never again.',
      idempotent: true,
      params: z.object({
        name: handle,
        /** Methods of the HTTP API, and ids of modules; default `["*"]`, everything. */
        scopes: z
          .array(z.string().regex(/^(\*|[a-z][A-Za-z0-9_]{0,63})$/))
          .min(1)
          .max(64)
          .optional(),
        /** For every org. For operators. */
        allOrgs: z.boolean().optional(),
        /** Unix milliseconds. Absent: never. */
        expiresMs: z.number().int().min(0).optional(),
        idempotencyKey,
      }),
      result: z.object({
        key: keyRecord,
        /** Absent in the answer to a repeat: it is kept nowhere. */
        secret: z.string().optional(),
      }),
    },
    'directory.rotateKey': {
      summary:
        'Makes a key of the same name, scopes and org, shown in this answer and never again; the one before works for `overlapMs` more.',
      idempotent: true,
      params: z.object({
        id: z.string().min(1).max(64),
        /** Milliseconds for which both work. Default 24 hours, at most 90 days; 0: none. */
        overlapMs: z
          .number()
          .int()
          .min(0)
          .max(90 * 24 * 3_600_000)
          .optional(),
        /** Of the new key, Unix milliseconds. Absent: never. */
        expiresMs: z.number().int().min(0).optional(),
        idempotencyKey,
      }),
      result: z.object({
        key: keyRecord,
        replaced: keyRecord,
        /** Absent in the answer to a repeat: it is kept nowhere. */
        secret: z.string().optional(),
      }),
    },
    'directory.revokeKey': {
      summary: 'Ends a key for good, also one that overlaps with its successor.',
      idempotent: true,
      params: z.object({ id: z.string().min(1).max(64), idempotencyKey }),
      result: z.object({ key: keyRecord }),
    },
    'directory.secrets': {
      summary: "Names of the org's secrets.",
      params: z.object({ limit, after }),
      result: z.object({ secrets: z.array(secretRecord), next }),
    },
    'directory.setSecret': {
      summary: 'Keeps a secret, encrypted. No method gives it back.',
      idempotent: true,
      params: z.object({ name: handle, value: z.string().min(1).max(65_536), idempotencyKey }),
      result: z.object({ secret: secretRecord }),
    },
    'directory.removeSecret': {
      summary: 'Removes a secret.',
      idempotent: true,
      params: z.object({ name: handle, idempotencyKey }),
      result: z.object({}),
    },
    'directory.invitations': {
      summary: "The org's invitations that are open, newest first.",
      params: z.object({ limit, after }),
      result: z.object({ invitations: z.array(invitationRecord), next }),
    },
    'directory.invite': {
      summary:
        'Invites an e-mail address; whoever signs in with it, verified by the identity provider, becomes a member.',
      idempotent: true,
      params: z.object({
        email,
        roles,
        /** Default 7 days, at most 90. */
        ttlMs: z
          .number()
          .int()
          .min(60_000)
          .max(90 * 24 * 3_600_000)
          .optional(),
        idempotencyKey,
      }),
      result: z.object({
        invitation: invitationRecord,
        /** For the link `/console/invitation?token=…`, which leads to sign-in. Absent in the answer to a repeat. */
        token: z.string().optional(),
      }),
    },
    'directory.revokeInvitation': {
      summary: 'Takes an invitation back.',
      idempotent: true,
      params: z.object({ id: z.string().min(1).max(64), idempotencyKey }),
      result: z.object({}),
    },
    'directory.audit': {
      summary:
        "Who did what, newest first: the org's for its administrators; with `installation`, that of no org, for operators.",
      params: z.object({
        installation: z.boolean().optional(),
        actor: z.string().max(255).optional(),
        /** A whole action, or its beginning with a dot: `key.`. */
        action: z.string().max(64).optional(),
        target: z.string().max(255).optional(),
        sinceMs: z.number().int().min(0).optional(),
        untilMs: z.number().int().min(0).optional(),
        limit,
        after,
      }),
      result: z.object({ records: z.array(auditRecord), next }),
    },

    // ------------------------------------------------------------ oneself
    'directory.sessions': {
      summary: "One's own console sessions, newest first; an operator may name a user.",
      params: z.object({ user: userId.optional(), limit, after }),
      result: z.object({ sessions: z.array(sessionRecord), next }),
    },
    'directory.endSession': {
      summary: "Ends one of one's own console sessions with its connections; an operator may end any.",
      params: z.object({ id: z.string().min(1).max(64) }),
      result: z.object({}),
    },
    'directory.endSessions': {
      summary:
        "Ends one's own console sessions with their connections, except the one that asks; an operator may name a user, whose sessions all end.",
      params: z.object({ user: userId.optional() }),
      result: z.object({ ended: z.number() }),
    },
  },
  channels: {
    changes: {
      pattern: 'directory:changes',
      type: 'stream',
      data: change,
      summary: "What changed in the reader's org, after it was committed. For its administrators.",
    },
  },
});

export type DirectoryContract = typeof directoryContract;
export type DirectoryMethod = keyof DirectoryContract['rpc'];
