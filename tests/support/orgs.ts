/** A configuration with two orgs in it, as strict as a production one: tokens with an org, keys per org, no anonymous clients. */
import { signToken } from '@trunkline/testkit';
import { SECRET } from './bed.js';

const EVERYBODY = {
  allowSubscribe: ['user'],
  allowPublish: ['user'],
  allowPresence: ['user'],
  allowHistory: ['user'],
};

export const TWO_ORGS = {
  server: { connectionAttemptsPerSecond: 'unlimited', connectionAttemptsBurst: 100_000 },
  log: { level: 'warn' },
  auth: { keys: [{ alg: 'HS256', secret: SECRET }] },
  api: {
    keys: [
      { name: 'acme', org: 'acme', key: 'key-of-acme-in-tests' },
      { name: 'globex', org: 'globex', key: 'key-of-globex-in-tests' },
      { name: 'all', org: '*', key: 'key-of-all-orgs-in-tests' },
    ],
  },
  channels: {
    namespaces: [
      // Long enough for whoever is away for seconds while a publisher goes on.
      {
        name: 'open',
        historySize: 5_000,
        presence: true,
        joinLeave: true,
        forceRecovery: true,
        ...EVERYBODY,
      },
      { name: 'gappy', historySize: 10, overflow: 'gap', ...EVERYBODY },
      { name: 'newest', historySize: 10, overflow: 'latest', ...EVERYBODY },
      { name: 'shared', type: 'map', map: { mode: 'persistent' }, ...EVERYBODY },
      { name: 'closed', historySize: 100, presence: true },
    ],
  },
} as const;

export type Org = 'acme' | 'globex';

export function orgToken(org: Org, user: string, more: object = {}): Promise<string> {
  return signToken({ sub: user, org, ...more }, SECRET);
}

export function orgKey(org: Org): Readonly<Record<string, string>> {
  return { 'x-api-key': `key-of-${org}-in-tests` };
}
