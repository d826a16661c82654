/**
 * What an org may hold at most, looked at in the unit of work that adds to it. Two that add at the same moment may pass a limit by one. A key that was
 * replaced counts until its overlap is over: it opens the org like any other.
 */
import { CodedError } from '@trunkline/protocol';
import { expecting, type SqlResult, type Statement } from '@trunkline/store';

/** Small things, of which a person has an overview; every list of them is read in pages all the same. */
export const MAX_PER_ORG = { groups: 1_000, keys: 1_000, secrets: 1_000, invitations: 1_000 } as const;

const COUNTS: Readonly<Record<keyof typeof MAX_PER_ORG, string>> = {
  groups: 'directory_groups WHERE org = $1 AND name <> $2',
  keys: 'directory_api_keys WHERE org = $1 AND (revoked_ms > $3 OR (revoked_ms IS NULL AND name <> $2))',
  secrets: 'directory_secrets WHERE org = $1 AND name <> $2',
  invitations: 'directory_invitations WHERE org = $1 AND accepted_ms IS NULL AND email <> $2',
};

/** In front of what adds `name`, or replaces it: 106 where the org is full of others. */
export function requireRoom(
  what: keyof typeof MAX_PER_ORG,
  org: string,
  name: string,
  nowMs: number,
): Statement<SqlResult> {
  const max = MAX_PER_ORG[what];
  const room: Statement = {
    sql: `SELECT 1 WHERE (SELECT count(*) FROM ${COUNTS[what]}) < ${max}`,
    parameters: what === 'keys' ? [org, name, nowMs] : [org, name],
  };
  return expecting(room, 1, () => new CodedError('limitExceeded', `${what} of the org: at most ${max}`));
}
