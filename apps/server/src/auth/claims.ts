/**
 * What verified claims mean. Every claim's shape is checked and a wrong one refused by name (101): a token that says something this
 * product does not understand must not be half obeyed. The org comes from the credential, or from `defaultOrg`, and from nowhere else.
 */
import type { Capability, CapabilityRight, ChannelGrant, Principal, Role } from '@trunkline/hub';
import { CodedError, isChannelName, isOrgId } from '@trunkline/protocol';

const ROLES: readonly Role[] = ['viewer', 'member', 'admin', 'operator'];
const RIGHTS: readonly CapabilityRight[] = ['sub', 'pub', 'prs', 'hst', 'rpc'];
/** UTF-16 units of names in claims: user, groups, channels. The wire's own limit for channel names. */
const MAX_NAME = 255;

export interface ClaimRules {
  /** '': credentials without an org are refused. */
  readonly defaultOrg: string;
}

type Claims = Readonly<Record<string, unknown>>;

/** The principal of a connection token. Throws `unauthorized` (101) naming the claim. */
export function toPrincipal(claims: Claims, rules: ClaimRules): Principal {
  // A channel token is no key to the front door, though it may be signed with the same secret.
  if (claims['channel'] !== undefined) throw wrong('channel', 'belongs to channel tokens');
  readOptional(claims, 'jti', isText);
  const expiresAtMs = readExpiry(claims);
  const info = readInfo(claims);
  return {
    user: readUser(claims),
    org: readOrg(claims, rules),
    roles: readList(
      claims,
      'roles',
      (value) => ROLES.includes(value as Role),
      'is no role',
    ) as readonly Role[],
    groups: readList(claims, 'groups', isName, 'is no name') as readonly string[],
    caps: readList(claims, 'caps').map((value, index) => toCapability(value, `caps[${index}]`)),
    channels: readList(claims, 'channels', isChannel, 'is no channel name') as readonly string[],
    ...(info === undefined ? {} : { info }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

/** What a channel token grants to `principal`. It must speak of the same user and org. */
export function toChannelGrant(claims: Claims, principal: Principal, rules: ClaimRules): ChannelGrant {
  const channel = claims['channel'];
  if (channel === undefined) throw wrong('channel', 'is missing');
  if (!isChannel(channel)) throw wrong('channel', 'is no channel name');
  const user = readUser(claims);
  if (user !== principal.user) throw wrong('sub', 'is another user');
  if (readOrg(claims, rules) !== principal.org) throw wrong('org', 'is another org');
  const expiresAtMs = readExpiry(claims);
  const info = readInfo(claims);
  return {
    channel: channel as string,
    user,
    ...(info === undefined ? {} : { info }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

/** The org a credential speaks for: `org`, which must be among `orgs` where those are named. */
function readOrg(claims: Claims, { defaultOrg }: ClaimRules): string {
  const orgs = readList(claims, 'orgs', isOrg, 'is no org id');
  const given = claims['org'];
  if (given !== undefined && !isOrg(given)) throw wrong('org', 'is no org id');
  const org = given === undefined ? defaultOrg : (given as string);
  if (org === '') throw wrong('org', 'is missing');
  if (claims['orgs'] !== undefined && !orgs.includes(org)) {
    throw wrong('org', given === undefined ? 'is missing' : 'is not among orgs');
  }
  return org;
}

/** Absent: `''`, an anonymous user. */
function readUser(claims: Claims): string {
  const sub = claims['sub'];
  if (sub === undefined || sub === '') return '';
  if (!isName(sub)) throw wrong('sub', 'is no user id');
  return sub as string;
}

/** JSON text of whatever `info` holds. */
function readInfo(claims: Claims): string | undefined {
  return claims['info'] === undefined ? undefined : JSON.stringify(claims['info']);
}

function readExpiry(claims: Claims): number | undefined {
  const exp = claims['exp'];
  if (exp === undefined) return undefined;
  if (typeof exp !== 'number' || !Number.isFinite(exp * 1_000)) throw wrong('exp', 'is no time');
  return exp * 1_000;
}

function toCapability(value: unknown, at: string): Capability {
  if (!isRecord(value)) throw wrong(at, 'is no object');
  const { match = 'exact' } = value;
  if (match !== 'exact' && match !== 'wildcard') throw wrong(`${at}.match`, 'must be wildcard, or left out');
  for (const name of ['channels', 'allow'])
    if (value[name] === undefined) throw wrong(`${at}.${name}`, 'is missing');
  return {
    channels: readList(value, 'channels', isChannel, 'is no channel name', `${at}.`) as readonly string[],
    match,
    allow: readList(
      value,
      'allow',
      (one) => RIGHTS.includes(one as CapabilityRight),
      'is no right',
      `${at}.`,
    ) as readonly CapabilityRight[],
  };
}

/** The list at `name`, empty where absent; each item must pass `isItem`. */
function readList(
  claims: Claims,
  name: string,
  isItem: (value: unknown) => boolean = () => true,
  problem = '',
  prefix = '',
): readonly unknown[] {
  const value = claims[name] ?? [];
  if (!Array.isArray(value)) throw wrong(`${prefix}${name}`, 'is no list');
  const bad = value.findIndex((item) => !isItem(item));
  if (bad >= 0) throw wrong(`${prefix}${name}[${bad}]`, problem);
  return value as readonly unknown[];
}

function readOptional(claims: Claims, name: string, isValue: (value: unknown) => boolean): void {
  if (claims[name] !== undefined && !isValue(claims[name])) throw wrong(name, 'is no text');
}

function wrong(claim: string, problem: string): CodedError {
  return new CodedError('unauthorized', `claim ${claim} ${problem}`);
}

const isText = (value: unknown): boolean => typeof value === 'string';
/** Printable and not too long: what a channel name may be too. */
const isName = (value: unknown): boolean => typeof value === 'string' && isChannelName(value, MAX_NAME);
const isChannel = isName;
const isOrg = (value: unknown): boolean => typeof value === 'string' && isOrgId(value);
const isRecord = (value: unknown): value is Claims =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
