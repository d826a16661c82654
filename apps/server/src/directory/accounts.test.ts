import { silentLogger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import type { Directory } from '@trunkline/module-directory';
import { describe, expect, it } from 'vitest';
import { createDirectoryAccounts } from './accounts.js';
import { createGuesses } from './guesses.js';

const ORIGIN = { address: '198.51.100.1', requestId: 'r' };
type OnChange = Parameters<Directory['commits']['listen']>[0];

/** A directory whose answers a test sets, and whose changes it tells. */
class FakeDirectory {
  roles: readonly string[] = ['admin'];
  member = true;
  /** Called with each question, before it is answered with what was so before. */
  meanwhile: () => void = () => undefined;
  readonly entered: string[] = [];
  questions = 0;
  #told: OnChange = () => undefined;

  change(kind: 'member' | 'user', org: string): void {
    this.#told({ kind, org, id: 'ada', action: 'updated' });
  }

  asDirectory(): Directory {
    const session = { id: 'ses_1', user: 'ada', expiresMs: 1e15 };
    return {
      sessions: {
        find: () => Promise.resolve(session),
        isKnown: () => false,
        userOf: () => Promise.resolve('ada'),
        listen: () => () => undefined,
      },
      users: {
        orgsOf: () => Promise.resolve([]),
        grantOf: (user: string, org: string) => {
          this.questions++;
          const { roles, member } = this;
          this.meanwhile();
          return Promise.resolve({ user, org, roles, groups: [], member });
        },
      },
      commits: { listen: (told: OnChange) => ((this.#told = told), () => undefined) },
      note: (_actor: object, { org }: { readonly org: string }) => Promise.resolve(this.entered.push(org)),
    } as unknown as Directory;
  }
}

function create(): {
  readonly fake: FakeDirectory;
  readonly accounts: ReturnType<typeof createDirectoryAccounts>;
} {
  const fake = new FakeDirectory();
  const clock = new FakeClock();
  const guesses = createGuesses({ clock });
  const deps = { clock, logger: silentLogger, directory: fake.asDirectory(), guesses };
  return {
    fake,
    accounts: createDirectoryAccounts(deps, { org: 'home', user: 'console', sessionTtlMs: 1_000 }),
  };
}

describe('accounts in the directory', () => {
  it('[DIR-21] rights that change while a token is confirmed are asked for again', async () => {
    const { fake, accounts } = create();
    fake.meanwhile = () => {
      fake.meanwhile = () => undefined;
      fake.roles = ['viewer'];
      fake.change('member', 'acme');
    };
    expect(await accounts.confirm('ses_1', 'acme')).toMatchObject({ roles: ['viewer'] });
    expect(fake.questions).toBe(2);
    fake.meanwhile = () => fake.change('member', 'globex');
    expect(await accounts.confirm('ses_1', 'acme')).toMatchObject({ roles: ['viewer'] });
    expect(fake.questions).toBe(3);
  });

  it('[DIR-21] where changes do not let up nothing is confirmed', async () => {
    const { fake, accounts } = create();
    fake.meanwhile = () => fake.change('user', 'globex');
    expect(await accounts.confirm('ses_1', 'acme')).toBeUndefined();
    expect(fake.questions).toBe(5);
  });

  it('[DIR-2] an operator who is no member is a record, also of the org that nobody named, once per session', async () => {
    const { fake, accounts } = create();
    await accounts.identity('d1', undefined, ORIGIN);
    expect(fake.entered).toEqual([]);
    fake.member = false;
    for (const org of [undefined, 'home', 'acme']) await accounts.identity('d1', org, ORIGIN);
    expect(fake.entered).toEqual(['home', 'acme']);
  });
});
