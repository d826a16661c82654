/**
 * The windows that this node knows, by org and id. One that nobody reads is forgotten after a while, or sooner where its maker or the org needs the place. What is forgotten is
 * told apart from what never was by nobody.
 */
import type { Clock, Timer } from '@trunkline/base';
import { KUBE_MODULE_CODES } from '@trunkline/contracts/kube';
import { CodedError } from '@trunkline/protocol';
import type { WindowQuery } from './messages.js';
import type { OpenWindow } from './open-windows.js';
import type { WindowsOptions } from './options.js';
import type { Scope } from './scopes.js';

export interface WindowRecord {
  readonly id: string;
  readonly org: string;
  /** Who asked for it first: it counts among theirs. */
  readonly user: string;
  readonly scopes: readonly Scope[];
  readonly query: WindowQuery;
  /** Of which kind the rows are, and what must be taken out of their objects beside the columns. */
  readonly kind: string;
  readonly wishes: readonly string[];
  /** Present while its channel has readers. */
  open: OpenWindow | undefined;
  unused: Timer | undefined;
}

export class Registry {
  readonly #clock: Clock;
  readonly #options: WindowsOptions;
  /** By org, then id; those used longest ago stand first. */
  readonly #orgs = new Map<string, Map<string, WindowRecord>>();

  constructor(clock: Clock, options: WindowsOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** The window with this id, made if there is none. Throws `limitExceeded` where too many are being read. */
  enter(given: Omit<WindowRecord, 'open' | 'unused'>): WindowRecord {
    const known = this.#orgs.get(given.org)?.get(given.id);
    if (known !== undefined) {
      this.touch(known);
      return known;
    }
    this.#makeRoom(given);
    const record: WindowRecord = { ...given, open: undefined, unused: undefined };
    const windows = this.#orgs.get(given.org) ?? new Map<string, WindowRecord>();
    this.#orgs.set(given.org, windows);
    windows.set(given.id, record);
    this.touch(record);
    return record;
  }

  /** Throws `kubeWindowGone`, in the same words for one of another org. */
  find(org: string, id: string): WindowRecord {
    const record = this.#orgs.get(org)?.get(id);
    if (record === undefined) throw new CodedError(KUBE_MODULE_CODES.kubeWindowGone);
    return record;
  }

  /** Somebody needs it: it is not forgotten before `unusedMs` have passed, nor while it is open. */
  touch(record: WindowRecord): void {
    const windows = this.#orgs.get(record.org);
    if (windows?.get(record.id) !== record) return;
    windows.delete(record.id);
    windows.set(record.id, record);
    record.unused?.cancel();
    record.unused =
      record.open === undefined
        ? this.#clock.setTimeout(() => this.#forget(record), this.#options.unusedMs)
        : undefined;
  }

  /** Windows that are known. */
  get size(): number {
    return [...this.#orgs.values()].reduce((sum, windows) => sum + windows.size, 0);
  }

  dispose(): void {
    for (const windows of this.#orgs.values()) for (const record of windows.values()) record.unused?.cancel();
    this.#orgs.clear();
  }

  #makeRoom({ org, user, kind, wishes }: Omit<WindowRecord, 'open' | 'unused'>): void {
    const { maxPerOrg, maxPerUser, maxWishes } = this.#options;
    const all = (): WindowRecord[] => [...(this.#orgs.get(org)?.values() ?? [])];
    const own = all().filter((record) => record.user === user);
    if (own.length >= maxPerUser) this.#evict(own, 'windows of the user');
    if (all().length >= maxPerOrg) this.#evict(all(), 'windows of the org');
    for (;;) {
      const wishing = all().filter((record) => record.kind === kind && record.wishes.length > 0);
      const wanted = new Set([...wishing.flatMap((record) => record.wishes), ...wishes]);
      if (wishes.length === 0 || wanted.size <= maxWishes) return;
      this.#evict(wishing, 'paths and fields that windows of the org want of this kind');
    }
  }

  #evict(records: readonly WindowRecord[], limit: string): void {
    const idle = records.find(({ open }) => open === undefined);
    if (idle === undefined) throw new CodedError('limitExceeded', limit);
    this.#forget(idle);
  }

  #forget(record: WindowRecord): void {
    record.unused?.cancel();
    const windows = this.#orgs.get(record.org);
    if (windows?.get(record.id) !== record) return;
    windows.delete(record.id);
    if (windows.size === 0) this.#orgs.delete(record.org);
  }
}
