import { CodedError } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { administers, sessionIn, type OrgChoice } from '../session.js';
import { placesOf } from '../shell/places.js';
import { problemOf } from './directory.js';
import {
  ACTIONS,
  detailWords,
  handleFault,
  keyState,
  linesOf,
  parseNamespaces,
  parseScopes,
  quotaWords,
  seenWords,
} from './people-words.js';

const HOUR = 3_600_000;

describe('keys', () => {
  it('[CONSOLE-17] a key works, works for a while yet, or not any more', () => {
    const now = 1_000 * HOUR;
    const state = (expiresMs: number | null, revokedMs: number | null) =>
      keyState({ expiresMs, revokedMs }, now);
    expect(state(null, null)).toEqual({ tone: 'live', label: 'works', note: 'without end', works: true });
    expect(state(now + HOUR, null)).toMatchObject({ label: 'works', note: '1 h left', works: true });
    expect(state(null, now + HOUR)).toMatchObject({
      tone: 'wait',
      label: 'replaced',
      note: '1 h left',
      works: true,
    });
    expect(state(now, null)).toMatchObject({ label: 'expired', works: false });
    expect(state(now + HOUR, now)).toMatchObject({ label: 'revoked', works: false });
    // One that ended before its overlap did does not work either.
    expect(state(now - 1, now + HOUR)).toMatchObject({ label: 'expired', works: false });
  });

  it('[CONSOLE-17] scopes as typed; none are all', () => {
    expect(parseScopes('')).toEqual({ scopes: ['*'] });
    expect(parseScopes(' publish, broadcast\npublish ')).toEqual({ scopes: ['publish', 'broadcast'] });
    expect(parseScopes('publish, map publish!')).toEqual({ fault: 'publish! is no method or module' });
  });

  it('[CONSOLE-17] names are what a command line can hold', () => {
    expect(handleFault('')).toBeUndefined();
    expect(handleFault('github-app:key_1.2@x')).toBeUndefined();
    expect(handleFault('two words')).toMatch(/Letters, digits/);
    expect(handleFault('x'.repeat(65))).toMatch(/64/);
  });
});

describe('orgs', () => {
  it('[CONSOLE-18] namespaces are cluster/name, where the cluster may hold slashes', () => {
    expect(parseNamespaces('eu/prod/acme\n\n prod/x ')).toEqual({
      kubernetes: [
        { cluster: 'eu/prod', namespace: 'acme' },
        { cluster: 'prod', namespace: 'x' },
      ],
    });
    expect(parseNamespaces('prod')).toEqual({ fault: 'Expected cluster/namespace, found prod' });
    expect(parseNamespaces('prod/Acme')).toHaveProperty('fault');
    expect(linesOf('a\nb, a\n\n')).toEqual(['a', 'b']);
  });

  it('[CONSOLE-18] limits in words, those that are set only', () => {
    expect(quotaWords({})).toEqual([]);
    expect(quotaWords({ maxConnections: 0, commandsPerSecond: null, publicationsPerSecond: 1_500 })).toEqual([
      '0 connections',
      '1,500 publications/s',
    ]);
  });
});

describe('the audit log', () => {
  it('[CONSOLE-19] what changed is one line, without what says nothing', () => {
    expect(detailWords({ name: 'ci', scopes: ['a', 'b'], expiresMs: null, quotas: {}, n: 3 })).toBe(
      'name ci · scopes a, b · n 3',
    );
    expect(detailWords({ a: 'x'.repeat(500) }, 10)).toBe('a xxxxxxxx…');
    expect(detailWords({})).toBe('');
  });

  it('[CONSOLE-19] it is narrowed by families of actions', () => {
    for (const { value } of ACTIONS) expect(value).toMatch(/^$|^[a-z]+\.$/);
  });

  it('[CONSOLE-16] when somebody was seen', () => {
    expect(seenWords(null, 0)).toBe('never');
    expect(seenWords(1_000, 60_000)).toBe('just now');
    expect(seenWords(0, 26 * HOUR)).toBe('1 d ago');
    expect(seenWords(0, 5 * 60_000)).toBe('5 min ago');
  });
});

describe('who sees what', () => {
  const session = { user: 'ann', org: 'home', roles: ['member'] };
  const orgs: readonly OrgChoice[] = [
    { org: 'home', name: 'Home', roles: ['member'] },
    { org: 'acme', name: 'Acme', roles: ['admin'] },
  ];
  const labels = (roles: readonly string[]): readonly string[] =>
    placesOf({ ...session, roles }).map(({ label }) => label);

  it('[CONSOLE-15] roles are those of the org that was switched to; an operator administers every org', () => {
    expect(sessionIn(session, orgs, 'acme')).toEqual({ user: 'ann', org: 'acme', roles: ['admin'] });
    expect(sessionIn(session, orgs, 'other').roles).toEqual([]);
    const operator = { ...session, roles: ['member', 'operator'] };
    expect(sessionIn(operator, orgs, 'other')).toMatchObject({ org: 'other', roles: ['admin', 'operator'] });
    expect(administers(sessionIn(session, orgs, 'home'))).toBe(false);
  });

  it('[CONSOLE-15] the menu shows what somebody may use', () => {
    expect(labels(['member'])).not.toContain('API keys');
    expect(labels(['admin'])).toEqual(
      expect.arrayContaining(['Members', 'API keys', 'Secrets', 'Audit log']),
    );
    expect(labels(['admin'])).not.toContain('Orgs');
    expect(labels(['operator'])).toEqual(expect.arrayContaining(['Members', 'Orgs', 'Users']));
  });

  it('[CONSOLE-16] a refusal, a server without a directory and a failure are told apart', () => {
    const coded = (code: number) => new CodedError({ code, message: 'x', retry: 'never' });
    expect(problemOf(coded(103))).toBe('forbidden');
    expect(problemOf(coded(104))).toBe('absent');
    expect(problemOf(coded(1_000))).toBe('failed');
    expect(problemOf(new Error('no answer'))).toBe('failed');
  });
});
