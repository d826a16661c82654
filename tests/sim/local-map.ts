/**
 * What lies behind a local map of a world: one outside thing with entries, which every node's source follows. A source that was away loads everything
 * anew, or sets and removes what changed meanwhile, as a list and a watch do. What readers must show is what is outside.
 */
import { utf8, type ChannelKey } from '@trunkline/protocol';
import type { EntryData, LocalMapEmitter } from '@trunkline/hub';
import type { Dice } from './dice.js';

export interface Outside {
  readonly entries: ReadonlyMap<string, string>;
  /** When each key that ever was there last changed. */
  readonly changedMs: ReadonlyMap<string, number>;
}

const NOTHING: Outside = { entries: new Map(), changedMs: new Map() };

export class OutsideMaps {
  readonly #maps = new Map<ChannelKey, { entries: Map<string, string>; changedMs: Map<string, number> }>();
  #epochs = 0;

  of(key: ChannelKey): Outside {
    return this.#maps.get(key) ?? NOTHING;
  }

  /** A number for what a source begins. */
  nextEpoch(): number {
    return ++this.#epochs;
  }

  /** `data` undefined: the entry goes. */
  change(key: ChannelKey, entry: string, data: string | undefined, nowMs: number): void {
    let map = this.#maps.get(key);
    if (!map) this.#maps.set(key, (map = { entries: new Map(), changedMs: new Map() }));
    if (data === undefined) map.entries.delete(entry);
    else map.entries.set(entry, data);
    map.changedMs.set(entry, nowMs);
  }
}

/** One node's source of such a map: what it was told last, and the hub's emitter. */
export class MapFollower {
  readonly #emit: LocalMapEmitter;
  readonly #dice: Dice;
  readonly #outside: OutsideMaps;
  readonly #key: ChannelKey;
  #told = new Map<string, string>();
  /** Another one with each beginning, over all nodes. */
  epoch = 0;

  constructor(emit: LocalMapEmitter, dice: Dice, outside: OutsideMaps, key: ChannelKey) {
    this.#emit = emit;
    this.#dice = dice;
    this.#outside = outside;
    this.#key = key;
  }

  /** One change of the outside. */
  tell(entry: string, data: string | undefined): void {
    if (data === undefined) {
      this.#told.delete(entry);
      this.#emit.remove(entry);
      return;
    }
    this.#told.set(entry, data);
    this.#emit.set(entry, this.#form(data));
  }

  load(): void {
    const { entries } = this.#outside.of(this.#key);
    this.#told = new Map(entries);
    this.epoch = this.#outside.nextEpoch();
    this.#emit.load([...entries].map(([entry, data]) => [entry, this.#form(data)] as const));
  }

  /** After it was away. */
  catchUp(): void {
    if (this.#dice.chance(0.5)) return this.load();
    const { entries } = this.#outside.of(this.#key);
    const told = new Map(this.#told);
    for (const [entry, data] of entries) if (told.get(entry) !== data) this.tell(entry, data);
    for (const entry of told.keys()) if (!entries.has(entry)) this.tell(entry, undefined);
  }

  reset(reason: string): void {
    this.epoch = this.#outside.nextEpoch();
    this.#emit.reset(reason);
  }

  /** Text, or JSON in memory of its owner. */
  #form(data: string): EntryData {
    return this.#dice.chance(0.5) ? data : { json: utf8(data) };
  }
}
