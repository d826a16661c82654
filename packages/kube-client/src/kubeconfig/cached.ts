/** A credential that costs something to get: fetched once for all who wait, used until shortly before it expires or until the server refuses it. */
import type { Clock } from '@trunkline/base';
import { orAbort } from '../abort.js';
import type { Credential } from '../credential.js';

export interface Lease {
  readonly credential: Credential;
  /** Wall time, Unix milliseconds; undefined lasts until it is refused. */
  readonly expiresAtMs: number | undefined;
}

/** How long before its end a credential is no longer used, in milliseconds: requests take time, and clocks differ. */
const MARGIN_MS = 10_000;

export class CachedCredential {
  readonly #clock: Clock;
  readonly #fetch: () => Promise<Lease>;
  #lease: Lease | undefined;
  #fetching: Promise<Lease> | undefined;

  constructor(clock: Clock, fetch: () => Promise<Lease>) {
    this.#clock = clock;
    this.#fetch = fetch;
  }

  /** A caller that gives up does not stop the others' fetching. */
  async current(signal: AbortSignal): Promise<Credential> {
    const lease = this.#lease;
    if (lease !== undefined && (lease.expiresAtMs ?? Infinity) - MARGIN_MS > this.#clock.now())
      return lease.credential;
    this.#fetching ??= this.#fetch()
      .then((fresh) => (this.#lease = fresh))
      .finally(() => (this.#fetching = undefined));
    return (await orAbort(this.#fetching, signal)).credential;
  }

  /** Forgets the credential, unless a newer one is here already. Asking again always helps. */
  refused(used: Credential): boolean {
    const { token, certificate } = this.#lease?.credential ?? {};
    // Compared by content: what was used may be a mixture with fields of the kubeconfig.
    if (used.token === token || (certificate !== undefined && used.certificate === certificate))
      this.#lease = undefined;
    return true;
  }
}
