/**
 * A broker engine with the faults of real ones, around the memory engine: each node has a connection of its own that carries calls and
 * deliveries. Calls take time, fail before or after they were carried out, or wait while the engine hangs; deliveries are late, dropped
 * or repeated; a connection is lost and resumed; the engine forgets everything, or loses its last acknowledged writes.
 */
import { createSeededRandom, type Random } from '@trunkline/base';
import {
  createMemoryBroker,
  type Broker,
  type BrokerFactory,
  type BrokerHandler,
  type HistoryFilter,
  type MapPublishOptions,
  type PublishOptions,
} from '@trunkline/broker';
import {
  CodedError,
  type ChannelKey,
  type ClientInfo,
  type Payload,
  type Position,
  type Publication,
} from '@trunkline/protocol';
import type { Dice } from './dice.js';
import type { SimTime } from './time.js';
import type { Truth } from './truth.js';

export interface EngineFaults {
  /** Probability that a call fails without effect, and after its effect. */
  failBefore: number;
  failAfter: number;
  /** Longest time of an ordinary call, and of a read. */
  callMs: number;
  readMs: number;
  /** Of deliveries: probability of loss and of a late repeat, longest delay. */
  drop: number;
  repeat: number;
  deliverMs: number;
}

export const NO_FAULTS: Readonly<EngineFaults> = {
  failBefore: 0,
  failAfter: 0,
  callMs: 2,
  readMs: 2,
  drop: 0,
  repeat: 0,
  deliverMs: 2,
};

/** After lost writes nobody writes for so long: every node compares its positions in this time, and its reads are answered. */
const COMPARING_MS = 12_000;

/** What a call waits for at most, like a real engine's command timeout. */
const CALL_TIMEOUT_MS = 2_000;

type Write = { readonly key: ChannelKey; readonly run: (broker: Broker) => Promise<unknown> };

export class SimEngine {
  readonly time: SimTime;
  readonly dice: Dice;
  readonly truth: Truth;
  faults: EngineFaults = { ...NO_FAULTS };
  /** Nothing is answered before this moment. */
  hangsUntil = 0;
  /** Writes are refused before this moment. */
  readOnlyUntil = 0;
  /** When deliveries were last disturbed. */
  disturbedAt = -Infinity;
  readonly nodes = new Set<EngineNode>();
  readonly #seed: number;
  #generation = 0;
  #inner: BrokerFactory;
  #recorder: Broker;
  #recorded = new Set<ChannelKey>();
  #writes: Write[] = [];
  /** The writes cannot be carried out again as they were: a key ran out, or some were lost before. */
  #unrepeatable = false;

  constructor(time: SimTime, dice: Dice, truth: Truth, seed: number) {
    this.time = time;
    this.dice = dice;
    this.truth = truth;
    this.#seed = seed;
    this.#inner = this.#make(createSeededRandom(seed));
    this.#recorder = this.#record();
  }

  /** For one node. */
  factory(): BrokerFactory {
    return (handler) => {
      const node = new EngineNode(this, handler);
      this.nodes.add(node);
      return node;
    };
  }

  connect(handler: BrokerHandler): Broker {
    return this.#inner(handler);
  }

  disturb(): void {
    this.disturbedAt = this.time.monotonic();
  }

  /** Remembers a call that may create or change something, and carries it out. */
  async carryOut<T>(key: ChannelKey, node: Broker, run: (broker: Broker) => Promise<T>): Promise<T> {
    await this.#watch(key);
    this.#writes.push({ key, run });
    return run(node);
  }

  /** Everything is gone; channels begin other epochs. `told`: the nodes lose their connections over it. */
  forget(told: boolean): void {
    this.disturb();
    this.#replace(this.#make(createSeededRandom(this.#seed + 7919 * ++this.#generation)));
    this.#writes = [];
    this.#unrepeatable = false;
    if (told) for (const node of this.nodes) node.lose(this.dice.between(50, 1_500));
  }

  /** The last `count` writes are gone although they were acknowledged; offsets will be given again. */
  async failOver(count: number): Promise<void> {
    if (this.#unrepeatable) return this.forget(true);
    this.#unrepeatable = true;
    this.disturb();
    for (const node of this.nodes) node.lose(this.dice.between(50, 1_500));
    const kept = this.#writes.slice(0, Math.max(0, this.#writes.length - count));
    const replayed = createSeededRandom(this.#seed + 7919 * this.#generation);
    const fresh = createSeededRandom(this.#seed + 7919 * (this.#generation + 1_000));
    let replaying = true;
    const random: Random = { next: () => (replaying ? replayed : fresh).next() };
    this.#writes = kept;
    const keys = [...this.#recorded];
    this.#replace(this.#make(random), keys);
    const scribe = this.#inner(SILENT);
    for (const { run } of kept) await run(scribe).catch(() => undefined);
    replaying = false;
    for (const key of keys) {
      const truth = this.truth.of(key);
      const stream = await scribe.history(key, { limit: 0, reverse: false }, 0);
      const map = await scribe.mapStream(key, { limit: 0, reverse: false }, 0);
      for (const { epoch, offset } of [stream.position, map.position])
        if (truth.has(epoch)) {
          truth.enter(epoch, this.time.monotonic());
          truth.truncate(epoch, offset);
        }
    }
    void scribe.dispose();
    // Nobody writes until the nodes have compared: an offset given again before that could not be told from the one that was lost.
    this.readOnlyUntil = Math.max(this.time.monotonic(), this.hangsUntil) + COMPARING_MS;
  }

  /** Deliveries of the engine's own making (a key that ran out) cannot be repeated from what was written. */
  noteExpiry(): void {
    this.#unrepeatable = true;
  }

  #make(random: Random): BrokerFactory {
    return createMemoryBroker({ clock: this.time, random });
  }

  #record(): Broker {
    const now = (): number => this.time.monotonic();
    return this.#inner({
      ...SILENT,
      onPublication: (key, publication, epoch) => this.truth.of(key).record(publication, epoch, now()),
    });
  }

  async #watch(key: ChannelKey): Promise<void> {
    if (this.#recorded.has(key)) return;
    this.#recorded.add(key);
    await this.#recorder.subscribe(key);
  }

  #replace(inner: BrokerFactory, watched: readonly ChannelKey[] = []): void {
    void this.#recorder.dispose();
    this.#inner = inner;
    this.#recorder = this.#record();
    this.#recorded = new Set(watched);
    for (const key of watched) void this.#recorder.subscribe(key);
    for (const node of this.nodes) node.reconnect();
  }
}

const SILENT: BrokerHandler = {
  onPublication: () => undefined,
  onJoin: () => undefined,
  onLeave: () => undefined,
  onControl: () => undefined,
  onResumed: () => undefined,
};

interface Item {
  readonly at: number;
  readonly seq: number;
  readonly hand: () => void;
}

/** One node's connection. */
export class EngineNode implements Broker {
  readonly name = 'simulated';
  /** Single nodes are not told apart. */
  readonly address = '';
  readonly #engine: SimEngine;
  readonly #handler: BrokerHandler;
  readonly #keys = new Set<ChannelKey>();
  #inner: Broker;
  #dead = false;
  #lostUntil = -1;
  #deliveries: Item[] = [];
  #lastAt = 0;
  #nextSeq = 1;
  #handed = 0;
  #waiters: { readonly seq: number; readonly done: () => void }[] = [];
  #armed = false;

  constructor(engine: SimEngine, handler: BrokerHandler) {
    this.#engine = engine;
    this.#handler = handler;
    this.#inner = engine.connect(this.#hearing());
  }

  get lost(): boolean {
    return this.#lostUntil >= 0;
  }

  /** The engine was replaced under the same connection. */
  reconnect(): void {
    void this.#inner.dispose();
    this.#inner = this.#engine.connect(this.#hearing());
    for (const key of this.#keys) void this.#inner.subscribe(key);
  }

  /** Nothing comes or goes for a while; then interests are renewed, and the hub is told. */
  lose(ms: number): void {
    const { time } = this.#engine;
    this.#engine.disturb();
    const until = time.monotonic() + ms;
    this.#lostUntil = Math.max(this.#lostUntil, until);
    this.#deliveries = [];
    this.#settle(Infinity);
    time.setTimeout(() => {
      if (this.#lostUntil !== until || this.#dead) return;
      this.#lostUntil = -1;
      this.#engine.disturb();
      this.#handler.onResumed();
    }, ms);
  }

  /** The process is gone. */
  die(): void {
    this.#dead = true;
    this.#deliveries = [];
    this.#settle(Infinity);
    void this.#inner.dispose();
    this.#engine.nodes.delete(this);
  }

  dispose(): void {
    this.die();
  }

  // ------------------------------------------------------------ the port

  async subscribe(key: ChannelKey): Promise<void> {
    await this.#call(false, async () => {
      this.#keys.add(key);
      await this.#inner.subscribe(key);
    });
  }

  async unsubscribe(key: ChannelKey): Promise<void> {
    this.#keys.delete(key);
    await this.#inner.unsubscribe(key);
  }

  publish(key: ChannelKey, data: Payload, options: PublishOptions) {
    return this.#write(key, (broker) => broker.publish(key, data, options));
  }

  async carry(key: ChannelKey, publication: Publication, epoch: string): Promise<void> {
    await this.#call(true, () => this.#inner.carry(key, publication, epoch));
  }

  history(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number) {
    return this.#read(key, (broker) => broker.history(key, filter, metaTtlMs));
  }

  removeHistory(key: ChannelKey): Promise<void> {
    return this.#write(key, (broker) => broker.removeHistory(key));
  }

  publishJoin(key: ChannelKey, info: ClientInfo): Promise<void> {
    return this.#call(true, () => this.#inner.publishJoin(key, info));
  }

  publishLeave(key: ChannelKey, info: ClientInfo): Promise<void> {
    return this.#call(true, () => this.#inner.publishLeave(key, info));
  }

  addPresence(key: ChannelKey, clientId: string, info: ClientInfo, ttlMs: number): Promise<void> {
    return this.#call(true, () => this.#inner.addPresence(key, clientId, info, ttlMs));
  }

  removePresence(key: ChannelKey, clientId: string): Promise<void> {
    return this.#call(true, () => this.#inner.removePresence(key, clientId));
  }

  presence(key: ChannelKey) {
    return this.#call(false, () => this.#inner.presence(key));
  }

  presenceStats(key: ChannelKey) {
    return this.#call(false, () => this.#inner.presenceStats(key));
  }

  mapPublish(key: ChannelKey, entryKey: string, data: Payload, options: MapPublishOptions) {
    if (options.keyTtlMs > 0) this.#engine.noteExpiry();
    return this.#write(key, (broker) => broker.mapPublish(key, entryKey, data, options));
  }

  mapRemove(key: ChannelKey, entryKey: string, options: MapPublishOptions) {
    return this.#write(key, (broker) => broker.mapRemove(key, entryKey, options));
  }

  mapState(
    key: ChannelKey,
    page: { readonly cursor: string; readonly limit: number; readonly maxBytes: number },
    metaTtlMs: number,
  ) {
    return this.#read(key, (broker) => broker.mapState(key, page, metaTtlMs));
  }

  mapStream(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number) {
    return this.#read(key, (broker) => broker.mapStream(key, filter, metaTtlMs));
  }

  mapClear(key: ChannelKey, options: MapPublishOptions): Promise<void> {
    return this.#write(key, (broker) => broker.mapClear(key, options));
  }

  sendControl(message: string): Promise<void> {
    return this.#call(true, () => this.#inner.sendControl(message));
  }

  // ------------------------------------------------------------ calls

  /** A publish resolves once this node has heard of it, or time is up. */
  async #write<T>(key: ChannelKey, run: (broker: Broker) => Promise<T>): Promise<T> {
    return this.#call(true, async () => {
      const result = await this.#engine.carryOut(key, this.#inner, run);
      await this.#heard(this.#nextSeq - 1);
      return result;
    });
  }

  /** Reading may create a position, so it counts as something to repeat. */
  #read<T extends { readonly position: Position }>(
    key: ChannelKey,
    run: (broker: Broker) => Promise<T>,
  ): Promise<T> {
    const engine = this.#engine;
    const { time } = engine;
    return this.#call(
      false,
      async () => {
        const result = await engine.carryOut(key, this.#inner, run);
        const truth = engine.truth.of(key);
        if (!truth.has(result.position.epoch)) truth.enter(result.position.epoch, time.monotonic());
        return result;
      },
      engine.faults.readMs,
    );
  }

  async #call<T>(changes: boolean, run: () => Promise<T>, slowMs?: number): Promise<T> {
    const engine = this.#engine;
    const { time, dice, faults } = engine;
    const unavailable = (): CodedError => new CodedError('sourceUnavailable', 'the engine is away');
    if (this.#dead) throw unavailable();
    const comparing = !changes && engine.readOnlyUntil > time.monotonic();
    const failBefore = dice.chance(faults.failBefore) && !comparing;
    const failAfter = dice.chance(faults.failAfter) && !comparing;
    const [before, after] = [dice.between(0, faults.callMs), dice.between(0, slowMs ?? faults.callMs)];
    await time.sleep(before);
    const hang = engine.hangsUntil - time.monotonic();
    if (hang > 0) {
      engine.disturb();
      await time.sleep(Math.min(hang, CALL_TIMEOUT_MS));
      // The caller gave up; the engine may still do it when it goes on.
      if (hang > CALL_TIMEOUT_MS) {
        if (dice.chance(0.5))
          time.setTimeout(() => {
            const refused = changes && engine.readOnlyUntil > time.monotonic();
            if (!this.#dead && !refused) void run().catch(() => undefined);
          }, hang - CALL_TIMEOUT_MS);
        throw unavailable();
      }
    }
    if (this.#dead || this.lost || failBefore) throw unavailable();
    if (changes && engine.readOnlyUntil > time.monotonic()) throw unavailable();
    const result = await run();
    await time.sleep(after);
    if (failAfter || this.#dead) throw unavailable();
    return result;
  }

  #heard(seq: number): Promise<void> {
    if (this.#handed >= seq) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ seq, done: resolve });
      this.#engine.time.setTimeout(resolve, CALL_TIMEOUT_MS);
    });
  }

  // ------------------------------------------------------------ deliveries

  #hearing(): BrokerHandler {
    const engine = this.#engine;
    const later = (hand: () => void, lossy: boolean, onRepeat: () => void = () => undefined): void => {
      const { dice, faults, time } = engine;
      if (this.#dead || this.lost) return;
      const seq = this.#nextSeq++;
      const lost = lossy && dice.chance(faults.drop);
      if (lost) engine.disturb();
      const hang = Math.max(0, engine.hangsUntil - time.monotonic());
      if (faults.deliverMs > 1_000) engine.disturb();
      this.#lastAt = Math.max(this.#lastAt, time.monotonic() + hang + dice.between(0, faults.deliverMs));
      this.#deliveries.push({ at: this.#lastAt, seq, hand: lost ? () => undefined : hand });
      if (!lost && lossy && dice.chance(faults.repeat)) {
        onRepeat();
        time.setTimeout(() => !this.#dead && !this.lost && hand(), dice.between(0, 1_000));
      }
      this.#arm();
    };
    const handler = this.#handler;
    return {
      onPublication: (key, publication, epoch) =>
        later(
          () => this.#keys.has(key) && handler.onPublication(key, publication, epoch),
          true,
          () => void (engine.truth.of(key).repeated = true),
        ),
      onJoin: (key, info) => later(() => handler.onJoin(key, info), false),
      onLeave: (key, info) => later(() => handler.onLeave(key, info), false),
      onControl: (message) => later(() => handler.onControl(message), false),
      onResumed: () => undefined,
    };
  }

  #arm(): void {
    const first = this.#deliveries[0];
    if (this.#armed || first === undefined) return;
    this.#armed = true;
    const { time } = this.#engine;
    time.setTimeout(() => this.#run(), Math.max(0, first.at - time.monotonic()));
  }

  #run(): void {
    this.#armed = false;
    const first = this.#deliveries[0];
    if (first !== undefined && first.at <= this.#engine.time.monotonic()) {
      this.#deliveries.shift();
      first.hand();
      this.#settle(first.seq);
    }
    this.#arm();
  }

  #settle(seq: number): void {
    this.#handed = Math.max(this.#handed, Math.min(seq, this.#nextSeq - 1));
    const due = this.#waiters.filter((waiter) => waiter.seq <= this.#handed);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.seq > this.#handed);
    for (const { done } of due) done();
  }
}
