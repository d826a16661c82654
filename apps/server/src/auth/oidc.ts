/**
 * Sign-in with an OpenID provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636, RFC 9700). An attempt is remembered
 * by a sealed cookie of the browser, so that any node may finish it and none keeps it. What the claims mean is mapped here; whether somebody is let in
 * is the directory's to say.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Clock, Logger } from '@trunkline/base';
import { DIRECTORY_CODES, type OrgRole } from '@trunkline/contracts/directory';
import { isChannelName, isOrgId, CodedError } from '@trunkline/protocol';
import { parse, serialize } from 'cookie';
import * as client from 'openid-client';
import type { OidcDoor } from '../http/ports.js';
import type { Origin } from './console-accounts.js';

export interface OidcOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly scopes: readonly string[];
  /** Names of claims. */
  readonly claims: {
    readonly user: string;
    readonly email: string;
    readonly name: string;
    readonly groups: string;
    readonly orgs: string | undefined;
    readonly roles: string | undefined;
  };
  /** What membership in a group of the provider gives. */
  readonly grants: readonly {
    readonly group: string;
    readonly org: string;
    readonly roles: readonly OrgRole[];
  }[];
  /** Groups of the provider whose members run the installation. */
  readonly operators: readonly string[];
  /** Shown on the way in. */
  readonly name: string;
  /** Whether the console is served over TLS. */
  readonly secure: boolean;
  /** Milliseconds for one answer of the provider. */
  readonly timeoutMs: number;
}

/** Who came back, verified. */
export interface ProvenIdentity {
  readonly issuer: string;
  readonly subject: string;
  readonly user: string;
  readonly email?: string;
  readonly name?: string;
  readonly grants: readonly { readonly org: string; readonly roles: readonly OrgRole[] }[];
  readonly operator: boolean;
}

export interface OidcDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For the cookie of an attempt: 32 bytes each, the same on every node. The first one seals, all of them open. */
  readonly secrets: () => readonly Uint8Array[];
  /** Where browsers reach this server; known once it listens. */
  readonly publicUrl: () => string;
  /** Makes a user of whoever came back; answers its id. */
  readonly admit: (identity: ProvenIdentity, origin: Origin) => Promise<string>;
}

interface Attempt {
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
  readonly untilMs: number;
}

/** Time to sign in at the provider. */
const ATTEMPT_MS = 10 * 60_000;
/** A discovery document is asked for again after this. */
const DISCOVERY_MS = 3_600_000;
const ROLES: readonly OrgRole[] = ['viewer', 'member', 'admin'];
const MAX_LISTED = 1_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
/** As invitations have them. */
const ADDRESS = /^[^@\s\p{C}]+@[^@\s\p{C}]+$/u;
const MAX_ADDRESS = 254;

export function createOidcDoor(deps: OidcDeps, options: OidcOptions): OidcDoor {
  const { clock } = deps;
  // `Lax`, since the browser comes back from another site. Over TLS no neighbouring host can put the cookie of its own attempt there, which would sign this
  // browser in as somebody else (the prefix asks for the path `/`).
  const cookieName = options.secure ? '__Host-trunkline-attempt' : 'trunkline-attempt';
  const callback = (): string => new URL('/console/oidc/callback', deps.publicUrl()).href;
  let discovered: { readonly found: Promise<client.Configuration>; readonly untilMs: number } | undefined;

  const discover = (): Promise<client.Configuration> => {
    if (discovered && discovered.untilMs > clock.monotonic()) return discovered.found;
    const { issuer, clientId, clientSecret, timeoutMs } = options;
    const found = client.discovery(new URL(issuer), clientId, clientSecret, undefined, {
      // Signatures count wherever a token came from: the library would take TLS for enough.
      execute: [
        client.enableNonRepudiationChecks,
        ...(issuer.startsWith('http:') ? [client.allowInsecureRequests] : []),
      ],
      timeout: timeoutMs / 1_000,
      [client.customFetch]: fetchBounded,
    });
    const current = { found, untilMs: clock.monotonic() + DISCOVERY_MS };
    discovered = current;
    // A failure is not remembered.
    found.catch(() => {
      if (discovered === current) discovered = undefined;
    });
    return found;
  };

  const reach = async (): Promise<client.Configuration> => {
    try {
      return await discover();
    } catch (cause) {
      throw new CodedError(DIRECTORY_CODES.providerUnavailable, undefined, { cause });
    }
  };

  const toCookie = (value: string, maxAgeSeconds: number): string =>
    serialize(cookieName, value, {
      path: options.secure ? '/' : '/console/oidc',
      httpOnly: true,
      sameSite: 'lax',
      secure: options.secure,
      maxAge: maxAgeSeconds,
    });

  const attemptIn = (cookieHeader: string | undefined): Attempt => {
    const sealed = cookieHeader === undefined ? undefined : parse(cookieHeader)[cookieName];
    const attempt = sealed === undefined ? undefined : open(deps.secrets(), sealed);
    if (!attempt) throw new CodedError(DIRECTORY_CODES.signInFailed, 'this browser has not begun a sign-in');
    if (attempt.untilMs <= clock.now())
      throw new CodedError(DIRECTORY_CODES.signInFailed, 'it took too long');
    return attempt;
  };

  return {
    name: options.name,

    async begin() {
      const provider = await reach();
      const attempt: Attempt = {
        verifier: client.randomPKCECodeVerifier(),
        state: client.randomState(),
        nonce: client.randomNonce(),
        untilMs: clock.now() + ATTEMPT_MS,
      };
      const url = client.buildAuthorizationUrl(provider, {
        redirect_uri: callback(),
        scope: options.scopes.join(' '),
        code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
        state: attempt.state,
        nonce: attempt.nonce,
      });
      return { url: url.href, cookie: toCookie(seal(deps.secrets(), attempt), ATTEMPT_MS / 1_000) };
    },

    async complete(url, cookieHeader, origin) {
      const attempt = attemptIn(cookieHeader);
      if (url.searchParams.get('state') !== attempt.state)
        throw new CodedError(DIRECTORY_CODES.signInFailed, 'state belongs to another attempt');
      const provider = await reach();
      const current = new URL(callback());
      current.search = url.search;
      const claims = await exchange(provider, current, attempt);
      const user = await deps.admit(toIdentity(claims, options), origin);
      return { user, cookie: toCookie('', 0) };
    },

    async logoutUrl() {
      try {
        const provider = await discover();
        if (provider.serverMetadata().end_session_endpoint === undefined) return undefined;
        return client.buildEndSessionUrl(provider, {
          post_logout_redirect_uri: new URL('/', deps.publicUrl()).href,
        }).href;
      } catch (cause) {
        deps.logger.debug({ cause: String(cause) }, 'no address to sign out at the identity provider');
        return undefined;
      }
    },
  };
}

/** The claims of the ID token, with those of the user-info endpoint beside them where there is one. */
async function exchange(
  provider: client.Configuration,
  url: URL,
  { verifier, state, nonce }: Attempt,
): Promise<Readonly<Record<string, unknown>> & { readonly iss: string; readonly sub: string }> {
  try {
    const tokens = await client.authorizationCodeGrant(provider, url, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (!claims) throw new Error('no ID token');
    if (provider.serverMetadata().userinfo_endpoint === undefined) return claims;
    const more = await client.fetchUserInfo(provider, tokens.access_token, claims.sub);
    return mergeClaims(claims, more);
  } catch (cause) {
    throw toCoded(cause);
  }
}

/**
 * Both documents as one, the signed one first. That an address is verified counts for the address of the same document: of two addresses the one that nobody
 * verified must not borrow the other's word.
 */
export function mergeClaims<C extends Readonly<Record<string, unknown>>>(
  claims: C,
  more: Readonly<Record<string, unknown>>,
): C & Readonly<Record<string, unknown>> {
  const merged = { ...more, ...claims };
  const isOther = claims['email'] !== undefined && claims['email'] !== more['email'];
  const isBare = claims['email'] === undefined && claims['email_verified'] !== undefined;
  if (isOther) return { ...merged, email_verified: claims['email_verified'] };
  return isBare ? { ...merged, email_verified: more['email_verified'] } : merged;
}

/** The platform's fetch, for answers of at most 1 MiB: what a provider says is small, and is held in memory. */
async function fetchBounded(
  url: string,
  // The library's own shape of the options, which says less than the platform's.
  options: client.CustomFetchOptions,
): Promise<Response> {
  const response = await fetch(url, options as RequestInit);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early ends the transfer.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new TypeError(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  const { status, statusText, headers } = response;
  return new Response(bytes === 0 ? null : Buffer.concat(chunks), { status, statusText, headers });
}

function toCoded(cause: unknown): CodedError {
  if (cause instanceof client.AuthorizationResponseError || cause instanceof client.ResponseBodyError) {
    const entry = /temporarily_unavailable|server_error/.test(cause.error)
      ? DIRECTORY_CODES.providerUnavailable
      : DIRECTORY_CODES.signInFailed;
    return new CodedError(entry, `the identity provider says ${cause.error}`, { cause });
  }
  // What never came, or came too late.
  const code = (cause as { readonly code?: unknown }).code;
  if (cause instanceof TypeError || code === 'OAUTH_TIMEOUT' || code === 'OAUTH_RESPONSE_IS_NOT_CONFORM')
    return new CodedError(DIRECTORY_CODES.providerUnavailable, undefined, { cause });
  return new CodedError(DIRECTORY_CODES.signInFailed, 'the answer of the identity provider is not valid', {
    cause,
  });
}

/** What the claims mean. Throws 1204 naming the claim that a user's id should come from. */
export function toIdentity(
  claims: Readonly<Record<string, unknown>> & { readonly iss: string; readonly sub: string },
  { claims: names, grants, operators }: Pick<OidcOptions, 'claims' | 'grants' | 'operators'>,
): ProvenIdentity {
  const user = claims[names.user];
  if (typeof user !== 'string' || user === '' || !isChannelName(user, 255))
    throw new CodedError(DIRECTORY_CODES.signInFailed, `claim ${names.user} is no user id`);
  // OpenID Connect Core 1.0 section 2: not more than 255 characters.
  if (!isChannelName(claims.sub, 255))
    throw new CodedError(DIRECTORY_CODES.signInFailed, 'claim sub is no subject');
  const email = claims[names.email];
  const name = claims[names.name];
  const groups = new Set(texts(claims[names.groups]));
  const own = names.orgs === undefined ? [] : texts(claims[names.orgs]).filter(isOrgId);
  const listed = names.roles === undefined ? [] : texts(claims[names.roles]);
  const roles = ROLES.filter((role) => listed.includes(role));
  return {
    issuer: claims.iss,
    subject: claims.sub,
    user,
    // An address that nobody verified proves nothing.
    ...(isAddress(email) && claims['email_verified'] === true ? { email } : {}),
    ...(typeof name === 'string' && name !== '' && isChannelName(name, 200) ? { name } : {}),
    grants: [
      ...own.map((org) => ({ org, roles: roles.length > 0 ? roles : (['member'] as const) })),
      ...grants
        .filter(({ group }) => groups.has(group))
        .map(({ org, roles: given }) => ({ org, roles: given })),
    ],
    operator: operators.some((group) => groups.has(group)),
  };
}

/** What is no address proves nothing, and is not kept. */
function isAddress(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_ADDRESS && ADDRESS.test(value);
}

/** A list of texts, or one alone. */
function texts(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((item): item is string => typeof item === 'string').slice(0, MAX_LISTED);
}

function seal([secret]: readonly Uint8Array[], attempt: Attempt): string {
  if (!secret) throw new RangeError('secrets: at least one');
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', secret, nonce);
  const body = Buffer.concat([cipher.update(JSON.stringify(attempt), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
}

/** Undefined for what this installation did not seal. */
function open(secrets: readonly Uint8Array[], text: string): Attempt | undefined {
  const bytes = Buffer.from(text, 'base64url');
  for (const secret of secrets) {
    try {
      const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAuthTag(bytes.subarray(12, 28));
      const body = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
      return JSON.parse(body) as Attempt;
    } catch {
      // Under another key, or nobody's.
    }
  }
  return undefined;
}
