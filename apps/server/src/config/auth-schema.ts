/** Who may come in: the sections `auth` (tokens of clients, the provider that people sign in with) and `api` (keys of services). */
import { apiMethods, type ApiMethod } from '@trunkline/contracts/api';
import { z } from 'zod';
import { HMAC_ALGORITHMS, PUBLIC_ALGORITHMS } from '../auth/keys.js';
import { ORG, URL_PATTERN } from './forms.js';
import { choice, duration, flag, freeForm, integer, list, records, size, text } from './leaves.js';

const ALGORITHMS = [...HMAC_ALGORITHMS, ...PUBLIC_ALGORITHMS] as const;

const jwtKey = z.strictObject({
  alg: choice('Signature algorithm.', ALGORITHMS),
  kid: text(
    'Key id; a token that names one is checked with the key of that id, where there is one.',
  ).optional(),
  secret: text('Shared secret of at least 32 bytes (HS256, HS384, HS512).', { secret: true }).optional(),
  allowShort: flag(
    'Accepts a shorter secret. For tests with published tokens; anybody can guess such a secret.',
  ).default(false),
  publicKey: text('Public key, PEM (the other algorithms).').optional(),
  jwk: freeForm('Public key as a JSON Web Key.').optional(),
});

const apiKey = z.strictObject({
  name: text('Shown in logs.'),
  org: text('The org the key acts in, or `*` for all (it must then be named per request).', {
    pattern: /^(\*|[A-Za-z0-9._-]{1,64})$/,
    expected: 'an org id or `*`',
  }),
  key: text('The key itself, at least 16 characters.', { secret: true }).optional(),
  sha256: text('SHA-256 of the key, hex; keeps the key out of the file.', {
    pattern: /^[0-9a-fA-F]{64}$/,
    expected: '64 hexadecimal digits',
  }).optional(),
  scopes: list(
    'Methods the key may call; `*`: all.',
    choice('Method, or module.', ['*', ...(Object.keys(apiMethods) as ApiMethod[]), 'directory', 'kube']),
  ).default(['*']),
});

const ROLES = ['viewer', 'member', 'admin'] as const;

const oidc = z.strictObject({
  issuer: text(
    'Address of an OpenID provider that people sign in to the console with; absent: none. Needs the store.',
    URL_PATTERN,
  ).optional(),
  clientId: text('Id of this server at the provider.').optional(),
  clientSecret: text('Secret of this server at the provider; absent: a public client.', {
    secret: true,
  }).optional(),
  name: text('Shown on the way in.').default('single sign-on'),
  scopes: list('Scopes that are asked for.', text('Scope.')).default(['openid', 'email', 'profile']),
  timeout: duration('Time for one answer of the provider.', { min: 100 }).default(5_000),
  claims: z
    .strictObject({
      user: text(
        "Claim that a new user's id is taken from; tokens of the same provider then speak of the same user.",
      ).default('sub'),
      email: text('Claim with the e-mail address, counted only where `email_verified` is true.').default(
        'email',
      ),
      name: text('Claim with the name.').default('name'),
      groups: text('Claim with the groups that `grants` and `operators` speak of.').default('groups'),
      orgs: text(
        'Claim with ids of orgs of the directory that the user belongs to; absent: none.',
      ).optional(),
      roles: text('Claim with the roles in those orgs; absent: `member`.').optional(),
    })
    .prefault({}),
  grants: records(
    'What membership in a group of the provider gives.',
    z.strictObject({
      group: text('Group of the provider.'),
      org: text('Org of the directory.', ORG),
      roles: list('Roles in it.', choice('Role.', ROLES)).default(['member']),
    }),
  ).default([]),
  operators: list('Groups of the provider whose members run the installation.', text('Group.')).default([]),
});

export const authSection = z
  .strictObject({
    keys: records('Keys that verify connection and channel tokens.', jwtKey, true).default([]),
    jwksUrl: text('Key set of an identity provider (RFC 7517).', URL_PATTERN).optional(),
    issuer: list('Accepted `iss` claims; empty: not checked.', text('Issuer.')).default([]),
    audience: list(
      'Accepted `aud` claims, one of which a token must name; empty: not checked.',
      text('Audience.'),
    ).default([]),
    clockTolerance: duration('How far clocks may differ, for `exp` and `nbf`.', { max: 300_000 }).default(0),
    defaultOrg: text('Org of credentials that name none; absent: they are refused.', ORG).optional(),
    allowAnonymous: flag('Whether a client may connect without a token (into `defaultOrg`).').default(false),
    channelTokens: z
      .strictObject({
        keys: records(
          'Keys that verify channel tokens; none here: those of connection tokens.',
          jwtKey,
          true,
        ).default([]),
        jwksUrl: text('Key set for channel tokens.', URL_PATTERN).optional(),
      })
      .prefault({}),
    oidc: oidc.prefault({}),
  })
  .prefault({});

export const apiSection = z
  .strictObject({
    keys: records('Keys of the HTTP API.', apiKey, true).default([]),
    bodyMaxBytes: size('Bytes of one request body.', { min: 1_024 }).default(4 * 1024 * 1024),
    batchMaxCommands: integer('Commands of one batch, channels of one broadcast.', { min: 1 }).default(1_000),
  })
  .prefault({});
