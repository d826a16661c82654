/**
 * All channels of a client: one wire per channel, however many readers it has, kept for a moment after the last one left so that a reader
 * that comes straight back finds it open. Subscriptions opened in one turn leave in one frame.
 */
import type { Timer } from '@trunkline/base';
import { equalJson } from './equal.js';
import { localError } from './errors.js';
import type { Notice } from './extensions.js';
import type { WireReader, WireSetup } from './reader.js';
import { Wire, type WireDeps } from './wire.js';

/** One reader's hold on a wire. */
export interface Lease {
  readonly wire: Wire;
  /** Idempotent. `linger: false`: nobody may take the channel over as it stands. */
  release(how?: { readonly linger: boolean }): void;
}

interface Entry {
  readonly wire: Wire;
  linger: Timer | undefined;
}

/** The public code for a name already taken by a subscription of another kind. */
const CONFLICT = 1003;

export class Wires {
  readonly #deps: WireDeps;
  readonly #entries = new Map<string, Entry>();
  #batching = false;

  constructor(deps: WireDeps) {
    this.#deps = deps;
    let kind = deps.connection.state.get().kind;
    deps.connection.state.subscribe(() => {
      const next = deps.connection.state.get().kind;
      if (next === kind) return;
      kind = next;
      for (const { wire } of this.#entries.values()) wire.connectionChanged();
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Adds `reader` to the channel's wire, opening it where there is none. Throws a `CodedError` (conflict) where other readers hold the
   * channel with another type, data, filter, token or recovery: one channel has one subscription on the wire.
   */
  hold(channel: string, setup: WireSetup, reader: WireReader): Lease {
    let entry = this.#entries.get(channel);
    if (setup.delta && setup.filter) throw new TypeError('delta and filter exclude each other');
    const differs = entry === undefined ? undefined : differenceOf(entry.wire.setup, setup);
    if (entry !== undefined && differs !== undefined) {
      if (entry.wire.readers.size > 0)
        throw localError(
          CONFLICT,
          `conflict: channel "${channel}" is already subscribed with another "${differs}"`,
        );
      this.#drop(channel, entry);
      entry = undefined;
    }
    if (entry === undefined) {
      this.#batch();
      entry = { wire: new Wire(this.#deps, channel, setup), linger: undefined };
      this.#entries.set(channel, entry);
    }
    const held = entry;
    held.linger?.cancel();
    held.linger = undefined;
    held.wire.readers.add(reader);
    held.wire.restart();
    if (setup.joinLeave) held.wire.askForJoins();
    return { wire: held.wire, release: (how) => this.#release(channel, held, reader, how?.linger ?? true) };
  }

  /** Gap and source notices; one for a channel that is no longer held is dropped. */
  handleNotice(notice: Notice & { kind: 'gap' | 'source' }): void {
    const wire = this.#entries.get(notice.channel)?.wire;
    if (wire === undefined) return;
    if (notice.kind === 'gap') wire.gapNotice(notice);
    else wire.sourceNotice(notice.source);
  }

  dispose(): void {
    for (const [channel, entry] of [...this.#entries]) this.#drop(channel, entry);
  }

  #release(channel: string, entry: Entry, reader: WireReader, linger: boolean): void {
    if (
      !entry.wire.readers.delete(reader) ||
      entry.wire.readers.size > 0 ||
      this.#entries.get(channel) !== entry
    )
      return;
    const { clock, lingerMs } = this.#deps.options;
    if (lingerMs === 0 || !linger) return this.#drop(channel, entry);
    entry.linger = clock.setTimeout(() => this.#drop(channel, entry), lingerMs);
  }

  #drop(channel: string, entry: Entry): void {
    entry.linger?.cancel();
    if (this.#entries.get(channel) === entry) this.#entries.delete(channel);
    entry.wire.dispose();
  }

  #batch(): void {
    if (this.#batching) return;
    this.#batching = true;
    const { centrifuge } = this.#deps.connection;
    centrifuge.startBatching();
    queueMicrotask(() => {
      this.#batching = false;
      centrifuge.stopBatching();
    });
  }
}

/** The first field in which two readers of one channel cannot agree. Functions are not compared: the first reader's is used. */
export function differenceOf(held: WireSetup, wanted: WireSetup): string | undefined {
  const fields = ['type', 'data', 'token', 'filter', 'recovery', 'pageSize', 'delta'] as const;
  return fields.find((field) => !equalJson(held[field], wanted[field]));
}
