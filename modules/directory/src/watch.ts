/**
 * What every node holds in memory of the directory, because it is asked in the data path: who is disabled, and what orgs may use. Read at start, after
 * every change of this node, and at intervals, which is how changes of other nodes arrive.
 */
import type { Clock, Logger } from '@trunkline/base';
import type { Quotas } from '@trunkline/contracts/directory';
import type { Principal } from '@trunkline/hub';
import type { Orgs } from './orgs.js';
import type { DisabledUser, Users } from './users.js';

export interface WatchDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly orgs: Orgs;
  readonly users: Users;
}

/** Told of users who were disabled since the last reading: their connections are to end, in each of their orgs. */
export type OnDisabled = (user: string, orgs: readonly string[]) => void;

export class Watch {
  readonly #deps: WatchDeps;
  readonly #maxHeld: number;
  readonly #listeners = new Set<OnDisabled>();
  #disabled: ReadonlyMap<string, DisabledUser> = new Map();
  #quotas: ReadonlyMap<string, Quotas> = new Map();
  #reading: Promise<void> | undefined;
  #again = false;

  constructor(deps: WatchDeps, maxHeld: number) {
    this.#deps = deps;
    this.#maxHeld = maxHeld;
  }

  listen(listener: OnDisabled): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads anew; resolves when what was committed before the call is known here. A failure leaves what was known. */
  refresh(): Promise<void> {
    this.#again = true;
    this.#reading ??= this.#loop().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  isDisabled({ user, org, roles }: Pick<Principal, 'user' | 'org' | 'roles'>): boolean {
    const entry = this.#disabled.get(user);
    return (
      entry !== undefined && (entry.orgs.includes(org) || (entry.operator && roles.includes('operator')))
    );
  }

  quotasOf(org: string): Quotas | undefined {
    return this.#quotas.get(org);
  }

  async dispose(): Promise<void> {
    await this.#reading;
  }

  async #loop(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#read().catch((cause: unknown) =>
        this.#deps.logger.warn({ cause: String(cause) }, 'the directory could not be read'),
      );
    }
  }

  async #read(): Promise<void> {
    const { orgs, users, logger } = this.#deps;
    const [quotas, disabled] = await Promise.all([orgs.quotas(this.#maxHeld), users.disabled(this.#maxHeld)]);
    if (quotas.size >= this.#maxHeld || disabled.length >= this.#maxHeld)
      logger.error(
        { maxHeld: this.#maxHeld },
        'more disabled users or orgs with quotas than are held: some are not enforced',
      );
    const before = this.#disabled;
    this.#quotas = quotas;
    this.#disabled = new Map(disabled.map((entry) => [entry.user, entry]));
    for (const { user, orgs: of } of disabled)
      if (!before.has(user)) for (const listener of this.#listeners) listener(user, of);
  }
}
