/** What is asked before a user is kept out, let in, made an operator or signed out. */
import type { UserRecord } from '@trunkline/contracts/directory';
import type { Question } from '../parts/confirm.js';
import { plural } from '../format.js';

export function disabling({ id, name, disabled }: UserRecord): Question {
  return {
    title: disabled ? `Let ${name} in again?` : `Keep ${name} out?`,
    text: disabled
      ? 'Sign-in and connections are possible again, with the memberships of before.'
      : 'Console sessions and connections end now, in every org, and new ones are refused, whoever vouches for them. Memberships stay for later.',
    action: disabled ? 'Enable' : 'Disable',
    danger: !disabled,
    run: async (call) => {
      await call('directory.updateUser', { user: id, disabled: !disabled });
      return disabled ? `${name} may come in again.` : `${name} is kept out.`;
    },
  };
}

export function operating({ id, name, operator }: UserRecord): Question {
  return {
    title: operator ? `Take the installation from ${name}?` : `Make ${name} an operator?`,
    text: operator
      ? 'Memberships stay. Where a group of the identity provider makes this user an operator, the next sign-in does so again.'
      : 'An operator runs the installation: sees every org, makes orgs and keys of all orgs, disables users.',
    action: operator ? 'Take it' : 'Make operator',
    danger: operator,
    run: async (call) => {
      await call('directory.updateUser', { user: id, operator: !operator });
      return operator ? `${name} is no operator any more.` : `${name} is an operator.`;
    },
  };
}

export function signingOut({ id, name }: UserRecord): Question {
  return {
    title: `Sign ${name} out everywhere?`,
    text: 'All console sessions of this user end, with the connections that were opened in them. Signing in again is possible.',
    action: 'Sign out',
    danger: true,
    run: async (call) => {
      const { ended } = await call('directory.endSessions', { user: id });
      return `${plural(ended, 'session')} ended.`;
    },
  };
}
