/** Places that users take and give back: so many each, and so many together. */
import type { Principal } from '@trunkline/hub';
import type { CodedError } from '@trunkline/protocol';

export interface PlacesOptions {
  readonly perUser: number;
  readonly total: number;
  /** What whoever finds none is told; `one`: it is the user who has too many. */
  refusal(whose: 'one' | 'all'): CodedError;
}

export class Places {
  readonly #options: PlacesOptions;
  readonly #ofUser = new Map<string, number>();
  #taken = 0;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  get taken(): number {
    return this.#taken;
  }

  /** @returns gives the place back, once. Throws the refusal; those of an org without a name are one user */
  take({ org, user }: Principal): () => void {
    const { perUser, total, refusal } = this.#options;
    const key = JSON.stringify([org, user]);
    const mine = this.#ofUser.get(key) ?? 0;
    if (mine >= perUser) throw refusal('one');
    if (this.#taken >= total) throw refusal('all');
    this.#ofUser.set(key, mine + 1);
    this.#taken++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#taken--;
      const left = (this.#ofUser.get(key) ?? 1) - 1;
      if (left === 0) this.#ofUser.delete(key);
      else this.#ofUser.set(key, left);
    };
  }
}
