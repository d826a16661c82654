/** How many sessions may be open at once, of one user and of all. */
import type { Principal } from '@trunkline/hub';
import { CodedError, ERROR_CODES } from '@trunkline/protocol';

export interface PlacesOptions {
  readonly maxSessionsPerUser: number;
  readonly maxSessions: number;
}

export class Places {
  readonly #options: PlacesOptions;
  readonly #ofUser = new Map<string, number>();
  #total = 0;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  get taken(): number {
    return this.#total;
  }

  /** @returns gives the place back, once. Throws `limitExceeded`; those without a name are one user */
  take({ org, user }: Principal): () => void {
    const { maxSessions, maxSessionsPerUser } = this.#options;
    const key = JSON.stringify([org, user]);
    const mine = this.#ofUser.get(key) ?? 0;
    if (mine >= maxSessionsPerUser) throw tooMany('sessions of one user (maxSessionsPerUser)');
    if (this.#total >= maxSessions) throw tooMany('sessions on this node (maxSessions)');
    this.#ofUser.set(key, mine + 1);
    this.#total++;
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#total--;
      const left = (this.#ofUser.get(key) ?? 1) - 1;
      if (left === 0) this.#ofUser.delete(key);
      else this.#ofUser.set(key, left);
    };
  }
}

function tooMany(what: string): CodedError {
  return new CodedError(ERROR_CODES.limitExceeded, what);
}
