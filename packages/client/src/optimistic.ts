/**
 * Changes an application shows before the server has confirmed them, pure. Each carries an id of this client. A change leaves the log when it
 * is certain that the confirmed state contains it (the publication at its position was applied, or one recognised as its own), or when it was
 * refused; reply and publication may come in either order (spec CLIENT-8).
 */
import type { Position } from '@trunkline/protocol';

export interface PendingChange<C> {
  readonly id: string;
  readonly change: C;
  /** The server accepted it; `position` is where its publication will be, where the server said so. */
  readonly accepted?: { readonly position?: Position };
}

export class OptimisticLog<C> {
  readonly #max: number;
  #pending: PendingChange<C>[] = [];
  #top: Position | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /** In the order they were made. */
  get pending(): readonly PendingChange<C>[] {
    return this.#pending;
  }

  /** False: too many changes wait already; nothing was added. */
  begin(id: string, change: C): boolean {
    if (this.#pending.length >= this.#max) return false;
    this.#pending = [...this.#pending, { id, change }];
    return true;
  }

  /** The reply says yes. True when the change left the log: what shows it was already applied. */
  accept(id: string, position?: Position): boolean {
    const found = this.#pending.find((item) => item.id === id);
    if (found === undefined) return false;
    if (position !== undefined && this.#contains(position)) return this.remove(id);
    const accepted: PendingChange<C> = { ...found, accepted: position === undefined ? {} : { position } };
    this.#pending = this.#pending.map((item) => (item.id === id ? accepted : item));
    return false;
  }

  /** The reply says no, or it is settled by other means. True when it was pending. */
  remove(id: string): boolean {
    const before = this.#pending.length;
    this.#pending = this.#pending.filter((item) => item.id !== id);
    return this.#pending.length !== before;
  }

  /** A publication was applied. `isOwn` recognises the one that shows a change. True when changes left the log. */
  applied(position: Position | undefined, isOwn: (change: C, id: string) => boolean = () => false): boolean {
    if (position !== undefined) this.#top = position;
    const before = this.#pending.length;
    if (before === 0) return false;
    // One publication shows one change: the oldest that looks like it.
    const own = this.#pending.find((item) => isOwn(item.change, item.id));
    this.#pending = this.#pending.filter((item) => item !== own && !this.#shown(item));
    return this.#pending.length !== before;
  }

  /** The whole state was replaced as of `position`. What was accepted without a position is taken as contained. */
  replaced(position: Position | undefined): boolean {
    this.#top = position;
    const before = this.#pending.length;
    this.#pending = this.#pending.filter(
      (item) =>
        item.accepted === undefined ||
        (item.accepted.position !== undefined && !this.#contains(item.accepted.position)),
    );
    return this.#pending.length !== before;
  }

  #shown(item: PendingChange<C>): boolean {
    return item.accepted?.position !== undefined && this.#contains(item.accepted.position);
  }

  #contains(position: Position): boolean {
    const top = this.#top;
    if (top === undefined) return false;
    // An epoch that is over has nothing more to show.
    return position.epoch !== top.epoch || top.offset >= position.offset;
  }
}
