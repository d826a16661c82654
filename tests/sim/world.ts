/**
 * One world from one seed: nodes around a faulty engine and store, SDK clients and bare ones of two orgs around the nodes, and operations that
 * the seed picks. After every step the invariants are checked (docs/spec/simulation.md); at the end the faults stop, and everybody must
 * come to the same truth.
 */
import type { HubOptions } from '@trunkline/hub';
import { channelKey, CodedError, type ChannelKey, type Position } from '@trunkline/protocol';
import { BareClient } from './bare-client.js';
import { CASES, MAPS, ORGS, STREAMS, type Case } from './cases.js';
import { Dice } from './dice.js';
import { CALM_DATABASE, SimDatabase } from './database-engine.js';
import { Device } from './device.js';
import { NO_FAULTS, SimEngine } from './engine.js';
import type { Payload } from './judge.js';
import type { ClientEnd, Link, Weather } from './link.js';
import { OutsideMaps } from './local-map.js';
import { SimNode, type OpenSource } from './node.js';
import { SdkClient, shadeOf, type Reader } from './sdk-client.js';
import type { Surroundings } from './surroundings.js';
import { SimTime } from './time.js';
import { Truth } from './truth.js';

/** What hand-written clients read, too. */
const PLAIN_STREAMS = STREAMS.filter(({ cache }) => !cache);

/** How long a reader may say `live` without having or being told of what was published: ping and grace, position check, back-off. */
export const HONEST_MS = 30_000;
/** Time for everything to come back after the last fault. */
const HEAL_MS = 60_000;
const PROBLEMS_MAX = 20;
/** Whoever lost a permission is out by then: its time, an early or late look, an answer, what is forgiven while nobody can say. */
export const REVOKED_MS = 9_000;
/** After its last reader has gone, an SDK's subscription is over by then. */
const LINGER_MS = 1_000;
/** The largest reply: a recovery or a page, with what JSON adds to it. */
const DOCUMENT_MAX = 20_000;

export class World implements Surroundings {
  readonly time = new SimTime();
  readonly dice: Dice;
  readonly truth = new Truth();
  readonly engine: SimEngine;
  readonly database: SimDatabase;
  readonly options: Partial<HubOptions>;
  readonly nodes: SimNode[] = [];
  readonly sdks: SdkClient[] = [];
  readonly bares: BareClient[] = [];
  readonly devices: Device[] = [];
  readonly outside = new OutsideMaps();
  readonly problems: string[] = [];
  readonly steps: string[] = [];
  /** Users who may not listen to durable channels, and since when. */
  readonly revokedAt = new Map<string, number>();
  /** For how long a permission is good; undefined: until somebody says otherwise. */
  readonly permittedMs: number | undefined;
  readonly #weather: Weather;
  readonly #counts = new Map<ChannelKey, number>();
  readonly #liveSince = new Map<Reader, number>();
  #clients = 0;
  everWentBack = false;
  /** The engine may forget what it acknowledged. In other worlds more is promised. */
  readonly forgetful: boolean;
  /** The channels of this world: all, or a few that many share. */
  readonly cases: readonly Case[];
  everForgot = false;
  /** The faults are over. */
  healing = false;

  constructor(seed: number) {
    this.dice = new Dice(seed);
    const { dice } = this;
    this.engine = new SimEngine(this.time, dice, this.truth, seed);
    this.database = new SimDatabase(this.time, dice, this.truth, this.problem);
    this.forgetful = dice.chance(0.4);
    this.permittedMs = dice.chance(0.4) ? dice.pick([500, 1_500]) : undefined;
    const few = Array.from({ length: dice.between(2, 5) }, () => dice.pick(CASES));
    // One that everybody can listen to is always there.
    this.cases = dice.chance(0.5) ? CASES : [...new Set([...few, dice.pick(PLAIN_STREAMS)])];
    this.#weather = {
      lowMs: 0,
      highMs: dice.pick([0, 5, 60, 300]),
      windowBytes: dice.pick([400, 400, 2_000, 20_000]),
    };
    this.options = {
      outboxMaxMessages: dice.pick([4, 12, 64]),
      outboxMaxBytes: dice.pick([1_500, 1_500, 6_000, 60_000]),
      recoveryMaxPublications: dice.pick([6, 30, 300]),
      recoveryMaxBytes: dice.pick([1_500, 8_000]),
      mapPageMaxBytes: 6_000,
      subscribeBufferMax: dice.pick([10, 40, 1_000]),
      mapPageMaxEntries: dice.pick([3, 8, 1_000]),
      localRingSize: dice.pick([5, 60]),
      deltaMemoryMaxBytes: dice.pick([300, 1_000_000]),
      pingIntervalMs: 4_000,
      pongTimeoutMs: 1_500,
      firstCommandTimeoutMs: 3_000,
      positionCheckIntervalMs: 5_000,
      expiryGraceMs: 3_000,
      presenceTtlMs: 30_000,
      maxConnectionAgeMs: dice.chance(0.2) ? 40_000 : Infinity,
    };
  }

  get disturbed(): boolean {
    return this.time.monotonic() - this.engine.disturbedAt < HONEST_MS;
  }

  readonly problem = (text: string): void => {
    if (this.problems.length >= PROBLEMS_MAX || this.problems.includes(text)) return;
    this.problems.push(text);
  };

  async build(): Promise<void> {
    const { dice } = this;
    const count = dice.pick([1, 2, 2, 3]);
    for (let index = 0; index < count; index++) {
      const deps = {
        time: this.time,
        dice,
        engine: this.engine,
        database: this.database,
        alone: count === 1,
        truth: this.truth,
        outside: this.outside,
        permitted: (user: string) => !this.revokedAt.has(user),
        permittedMs: this.permittedMs,
        problem: this.problem,
      };
      const node = new SimNode(deps, index, this.options);
      this.nodes.push(node);
      await node.start();
    }
    for (let clients = dice.between(2, 3); clients > 0; clients--) this.addSdk();
    for (let clients = dice.between(2, 3); clients > 0; clients--) this.addBare();
  }

  addSdk(): SdkClient {
    const { dice } = this;
    const name = `sdk-${++this.#clients}`;
    const device = new Device(this, `user-${name}`);
    this.devices.push(device);
    const client = new SdkClient(this, name, this.#nextOrg(), this.#life(), device);
    this.sdks.push(client);
    for (let count = dice.between(2, 6); count > 0; count--) client.open(dice.pick(this.cases));
    return client;
  }

  /** The same user on the same device with a new page: what it listened to is opened without a position. */
  reload(old: SdkClient): void {
    const items = [...old.readers.values()].map(({ item }) => item);
    old.dispose();
    const client = new SdkClient(this, old.name, old.org, this.#life(), old.device);
    this.sdks[this.sdks.indexOf(old)] = client;
    for (const item of items) client.open(item);
  }

  #life(): number | undefined {
    return this.dice.chance(0.3) ? this.dice.between(8_000, 30_000) : undefined;
  }

  addBare(): BareClient {
    const { dice } = this;
    const extensions = dice.pick(['', 'gap', 'gap, source']);
    const client = new BareClient(this, `bare-${++this.#clients}`, this.#nextOrg(), extensions);
    this.bares.push(client);
    for (let count = dice.between(2, 5); count > 0; count--) client.open(this.bareCase());
    return client;
  }

  bareCase(): Case {
    return this.dice.pick(this.cases.filter(({ kind, cache }) => kind === 'stream' && !cache));
  }

  connect(end: ClientEnd): Link {
    const ready = this.nodes.filter(({ up, draining }) => up && !draining);
    const node = this.dice.pick(ready.length > 0 ? ready : this.nodes);
    return node.connect(this.#weather, end);
  }

  mustRecover(item: Case, key: ChannelKey, at: Position | undefined): boolean {
    const kept = {
      'log:1': 400,
      'log:2': 400,
      'short:1': 5,
      'feed:1': 40,
      'tail:1': 40,
      'tags:1': 100,
      'diff:1': 60,
    }[item.channel];
    const top = this.truth.of(key).position;
    if (this.everForgot || this.everWentBack || kept === undefined || at?.epoch !== top.epoch) return false;
    const missed = this.truth.of(key).between(top.epoch, at.offset + 1, top.offset);
    const bytes = missed.reduce((sum, { text }) => sum + text.length, 0);
    const { recoveryMaxPublications = 0, recoveryMaxBytes = 0 } = this.options;
    return missed.length <= Math.min(kept, recoveryMaxPublications) && bytes <= recoveryMaxBytes;
  }

  sourceOf(node: number | undefined, key: ChannelKey): string {
    const map = node === undefined ? undefined : this.nodes[node]?.sources.get(key)?.map;
    return String(map?.epoch);
  }

  requirePermitted(reader: string, user: string, item: Case, key: ChannelKey, data: unknown): void {
    const since = this.revokedAt.get(user);
    if (item.source !== 'durable' || since === undefined) return;
    const atMs = this.truth.of(key).publishedMs(data);
    if (atMs !== undefined && atMs > since + REVOKED_MS)
      this.problem(
        `${reader} ${item.channel}: was given what was published ${atMs - since} ms after it lost its permission`,
      );
  }

  readers(): Reader[] {
    return [...this.sdks, ...this.bares].flatMap((client) => [...client.readers.values()]);
  }

  links(): Link[] {
    return [...this.sdks, ...this.bares].flatMap(({ link }) => (link?.open ? [link] : []));
  }

  upNodes(): SimNode[] {
    return this.nodes.filter(({ up }) => up);
  }

  // ------------------------------------------------------------ publishing

  payload(org: string, channel: string, more: object = {}): Payload {
    const key = channelKey(org, channel);
    const n = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, n);
    return { org, channel, n, ...more, pad: padOf(n, this.dice.pick([0, 0, 20, 160, 600])) } as Payload;
  }

  /** Whatever comes of it must come with a code. */
  attempt(what: string, work: Promise<unknown>): Promise<void> {
    return work.then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof CodedError)) this.problem(`${what} failed without a code: ${String(error)}`);
      },
    );
  }

  publish(node: SimNode, org: string, item: Case): void {
    const effect = item.source === 'durable' && this.dice.chance(0.5);
    const data = this.payload(org, item.channel, effect ? { effect } : {});
    const key = channelKey(org, item.channel);
    const kept = (): void => {
      if (item.source === 'durable' && this.truth.of(key).placeOf(data) === undefined)
        this.problem(`${org}/${item.channel}: ${data.n} was acknowledged and not committed`);
    };
    if (effect) {
      const work = node.store
        .apply(`effect-${org}-${data.n}`, org, data.n, key, JSON.stringify(data))
        .then(kept);
      void this.attempt('an effect', work);
      return;
    }
    if (item.source === 'local') return this.emit(node, org, item);
    const tags = { shade: this.dice.pick(['red', 'blue'] as const) };
    const api = node.hub.forOrg(org);
    const text = JSON.stringify(data);
    if (!this.dice.chance(0.2)) {
      void this.attempt('a publish', api.publish(item.channel, text, { tags }).then(kept));
      return;
    }
    // Sent again under its key, whatever was answered.
    const options = { tags, idempotencyKey: `once ${data.n}` };
    const again = async (): Promise<void> => {
      await this.attempt('a publish', api.publish(item.channel, text, options).then(kept));
      await this.time.sleep(this.dice.between(0, 500));
      const next = this.upNodes()[0];
      if (next)
        await this.attempt('a publish', next.hub.forOrg(org).publish(item.channel, text, options).then(kept));
    };
    void again();
  }

  /** A source behind a local channel says something. */
  emit(node: SimNode, org: string, item: Case): void {
    const key = channelKey(org, item.channel);
    const source = node.sources.get(key);
    if (source?.publish === undefined || source.brokenSince !== undefined) return;
    const data = JSON.stringify(this.payload(org, item.channel));
    const { epoch, offset } = source.publish(data);
    source.epoch = epoch;
    source.top = offset;
    this.truth.of(key).record({ offset, data }, epoch, this.time.monotonic());
  }

  /** Something behind a local map changes; sources that are not away tell of it. */
  changeOutside(org: string, item: Case): void {
    const { dice, time } = this;
    const key = channelKey(org, item.channel);
    const entry = 'k'.repeat(dice.between(1, 9));
    const gone = dice.chance(0.2);
    if (gone && !this.outside.of(key).entries.has(entry)) return;
    const data = gone ? undefined : JSON.stringify(this.payload(org, item.channel, { entry }));
    if (data !== undefined) this.truth.of(key).record({ offset: 0, data }, '', time.monotonic());
    this.outside.change(key, entry, data, time.monotonic());
    for (const node of this.upNodes()) {
      const source = node.sources.get(key);
      if (source?.brokenSince === undefined) source?.map?.tell(entry, data);
    }
  }

  /** A source that was away is back, with whatever was missed. */
  restore(source: OpenSource): void {
    source.brokenSince = undefined;
    source.map?.catchUp();
    source.emit.state({ state: 'live' });
  }

  /** Something is published to a channel of any kind, wherever a node runs. */
  say(org: string, item: Case, count: number): void {
    for (let left = count; left > 0; left--) {
      const up = this.upNodes();
      if (up.length === 0) return;
      const node = this.dice.pick(up);
      if (item.kind === 'map') this.writeMap(node, org, item);
      else if (item.source === 'local') for (const one of up) this.emit(one, org, item);
      else this.publish(node, org, item);
    }
  }

  /** The engine begins anew while its deliveries and answers of before are still on their way, and readers come to a channel that others have. */
  forgetBetween(): void {
    const { dice, engine } = this;
    const item = dice.pick(this.cases);
    const org = dice.pick(ORGS);
    engine.faults = {
      ...engine.faults,
      readMs: dice.pick([2, 800, 3_000]),
      deliverMs: dice.pick([2, 800, 1_500]),
    };
    const others = [...this.sdks, ...this.bares].filter(
      (client) => client.org === org && client.readers.has(item.channel),
    );
    const come = (): void => {
      for (const client of others) {
        if (!dice.chance(0.5)) continue;
        client.close(item.channel);
        client.open(item);
      }
    };
    this.say(org, item, dice.between(1, 6));
    if (dice.chance(0.5)) come();
    this.time.setTimeout(
      () => {
        engine.forget(dice.chance(0.3));
        this.everForgot = true;
        this.everWentBack = true;
        come();
        for (let turns = dice.between(1, 6); turns > 0; turns--)
          this.time.setTimeout(() => this.say(org, item, 1), dice.between(0, 2_000));
      },
      dice.between(0, 400),
    );
  }

  /** A channel that nobody listens to any more gets several first readers at once, while it is published to. */
  comeTogether(): string {
    const { dice, time, engine } = this;
    const org = dice.pick(ORGS);
    const item = this.bareCase();
    const clients = [...this.sdks, ...this.bares].filter((client) => client.org === org);
    for (const client of clients) client.close(item.channel);
    engine.faults = {
      ...engine.faults,
      readMs: dice.pick([300, 800]),
      deliverMs: dice.pick([2, 800, 2_000]),
    };
    for (const client of clients)
      time.setTimeout(
        () => {
          // A page may have been loaded again meanwhile.
          if ([...this.sdks, ...this.bares].includes(client)) client.open(item);
        },
        LINGER_MS + dice.between(0, 300),
      );
    for (let turns = dice.between(2, 8); turns > 0; turns--)
      time.setTimeout(() => this.say(org, item, 1), LINGER_MS + dice.between(-100, 900));
    return `everybody of ${org} comes to ${item.channel} at once`;
  }

  /** Somebody takes a map page by page while it changes, and the node hears of the changes late. */
  pageThrough(): string | undefined {
    const { dice, time, engine } = this;
    const maps = this.cases.filter(({ kind, ephemeral }) => kind === 'map' && !ephemeral);
    if (maps.length === 0) return undefined;
    const [item, sdk] = [dice.pick(maps), dice.pick(this.sdks)];
    sdk.close(item.channel);
    engine.faults = { ...engine.faults, readMs: dice.pick([100, 500]), deliverMs: dice.pick([1_000, 3_000]) };
    time.setTimeout(() => {
      if (this.sdks.includes(sdk)) sdk.open(item);
    }, LINGER_MS);
    for (let turns = dice.between(3, 10); turns > 0; turns--)
      time.setTimeout(
        () => this.say(sdk.org, item, dice.between(1, 5)),
        LINGER_MS + dice.between(-300, 1_500),
      );
    return `${sdk.name} takes ${item.channel} page by page while it changes`;
  }

  /** A client that is behind asks for one more channel, to which much is published before the answer can go out. */
  congest(): string | undefined {
    const { dice, time } = this;
    const client = dice.pick([...this.sdks, ...this.bares]);
    const { link } = client;
    const [held] = client.readers.values();
    const item = this.bareCase();
    if (!link?.open || held === undefined || held.item === item) return undefined;
    link.stallDown(true);
    this.say(client.org, held.item, dice.between(3, 20));
    time.setTimeout(() => {
      client.close(item.channel);
      client.open(item);
    }, 400);
    for (let turns = 3; turns > 0; turns--)
      time.setTimeout(() => this.say(client.org, item, dice.between(4, 30)), dice.between(400, 1_600));
    time.setTimeout(() => link.stallDown(false), 1_800);
    return `${client.name} is behind and opens ${item.channel} while much is published`;
  }

  /** Somebody comes, or comes back, to a channel to which much is published meanwhile. Says who. */
  rush(): string | undefined {
    const { dice } = this;
    const client = dice.pick([...this.sdks, ...this.bares]);
    const items = [...client.readers.values()].map(({ item }) => item);
    if (items.length === 0) return undefined;
    const item = dice.pick(items);
    const again = dice.chance(0.5);
    // Where answers and deliveries take their time, more happens before they come.
    const { faults } = this.engine;
    if (dice.chance(0.3)) faults.readMs = Math.max(600, faults.readMs);
    if (dice.chance(0.15)) faults.deliverMs = Math.max(dice.pick([800, 2_000]), faults.deliverMs);
    if (again) client.close(item.channel);
    else client.link?.cut();
    // Missed by those who are away, then more while they come back.
    for (const missed of dice.chance(0.5) ? items : [item])
      this.say(client.org, missed, dice.pick([0, 1, 4, 14, 30]));
    if (again) client.open(item);
    const withinMs = dice.pick([600, 1_500, 4_000]);
    for (let turns = dice.between(2, 8); turns > 0; turns--)
      this.time.setTimeout(
        () => this.say(client.org, item, dice.pick([1, 2, 12, 30])),
        dice.between(0, withinMs),
      );
    return `${client.name} ${again ? 'takes' : 'is cut, and comes back to'} ${item.channel} while much is published`;
  }

  writeMap(node: SimNode, org: string, item: Case): void {
    const { dice } = this;
    if (item.source === 'local') return this.changeOutside(org, item);
    const entry = 'k'.repeat(dice.between(1, 9));
    const api = node.hub.forOrg(org);
    const tags = shadeOf(entry);
    if (dice.chance(0.2)) return void this.attempt('a removal', api.mapRemove(item.channel, entry, { tags }));
    const data = JSON.stringify(this.payload(org, item.channel, { entry }));
    const expect = dice.chance(0.15)
      ? ({ expect: dice.chance(0.5) ? 'absent' : dice.between(1, 20) } as const)
      : {};
    void this.attempt('a map write', api.mapPublish(item.channel, entry, data, { tags, ...expect }));
  }

  // ------------------------------------------------------------ invariants

  check(): void {
    this.#checkOutboxes();
    for (const { name, client, readers } of this.sdks)
      if (client.state.get().kind !== 'connected')
        for (const { item, live } of readers.values())
          if (live) this.problem(`${name} ${item.channel}: says live without a connection`);
    const now = this.time.monotonic();
    const { faults } = this.engine;
    const { lose, conflict, messageMs } = this.database.faults;
    if (
      faults.failBefore + faults.failAfter + lose + conflict > 0 ||
      faults.readMs > 1_000 ||
      messageMs > 500
    )
      this.engine.disturb();
    const present = new Set(this.readers());
    for (const reader of this.#liveSince.keys()) if (!present.has(reader)) this.#liveSince.delete(reader);
    for (const reader of present) {
      reader.check();
      if (!reader.live) {
        this.#liveSince.delete(reader);
        continue;
      }
      const liveSince = this.#liveSince.get(reader) ?? now;
      this.#liveSince.set(reader, liveSince);
      const since = this.revokedAt.get(reader.user);
      if (reader.item.source === 'durable' && since !== undefined && liveSince > since + 5_000)
        this.problem(`${reader.name} listens to ${reader.item.channel}, which it may not`);
      this.#checkHonest(reader, liveSince, now);
    }
    this.#checkDurable();
    for (const device of this.devices) device.check();
  }

  #checkHonest(reader: Reader, liveSince: number, now: number): void {
    const broken = this.#sourceOf(reader)?.brokenSince;
    const patience = Math.max(liveSince, this.engine.disturbedAt);
    const tells =
      reader.name.startsWith('sdk') || (reader as { brokenSource?: boolean }).brokenSource !== undefined;
    if (
      broken !== undefined &&
      tells &&
      this.#tellsSource(reader) &&
      now - Math.max(broken, patience) > HONEST_MS / 3
    )
      this.problem(`${reader.name} ${reader.item.channel}: says live although its source has been away`);
    const behind = this.#behindSince(reader);
    if (behind !== undefined && now - Math.max(behind, patience) > HONEST_MS)
      this.problem(
        `${reader.name} ${reader.item.channel}: said live for ${now - liveSince} ms without what was published ${now - behind} ms ago`,
      );
  }

  #tellsSource(reader: Reader): boolean {
    const bare = this.bares.find(({ name }) => name === reader.name);
    return bare === undefined || bare.extensions.includes('source');
  }

  #sourceOf(reader: Reader) {
    const node = reader.node();
    if (reader.item.source !== 'local' || node === undefined) return undefined;
    return this.nodes[node]?.sources.get(reader.key);
  }

  #behindSince(reader: Reader): number | undefined {
    const top = this.#topFor(reader);
    return top === undefined ? undefined : reader.behindSince(top);
  }

  #topFor(reader: Reader): Position | undefined {
    if (reader.item.source === 'plain') return undefined;
    if (reader.item.source !== 'local') return this.truth.of(reader.key).position;
    const source = this.#sourceOf(reader);
    if (source?.map) return { epoch: String(source.map.epoch), offset: 0 };
    return source === undefined || source.epoch === ''
      ? undefined
      : { epoch: source.epoch, offset: source.top };
  }

  /** Effects and the publications that show them are there together, once, in the order in which they were committed. */
  #checkDurable(): void {
    const { database } = this.database;
    const wrong = database.findProblem();
    if (wrong !== undefined) this.problem(wrong);
    const names = new Set<string>();
    const lasts = new Map<string, number>();
    const told = new Map(ORGS.map((org) => [org as string, [] as number[]]));
    for (const { name, org, n } of database.effects) {
      if (names.has(name)) this.problem(`effect ${name} took place twice`);
      names.add(name);
      // What a device kept takes effect in the order in which it was kept.
      const [, line, count] = /^(queue-.*-[ab])-(\d+)$/.exec(name) ?? [];
      if (line !== undefined) {
        if (Number(count) < (lasts.get(line) ?? 0))
          this.problem(`effect ${name} took place after ${lasts.get(line)}`);
        lasts.set(line, Number(count));
      }
      told.get(org)?.push(n);
    }
    for (const { key, reused } of this.truth.all())
      if (reused !== undefined) this.problem(`${key.replace('\0', '/')}: offset ${reused} was given twice`);
    for (const [org, numbers] of told) {
      const { epoch, offset } = this.truth.of(channelKey(org, 'inbox:1')).position;
      const shown = this.truth
        .of(channelKey(org, 'inbox:1'))
        .between(epoch, 1, offset)
        .map(({ data }) => data as Payload & { effect?: boolean });
      const ofEffects = shown.filter(({ effect }) => effect === true).map(({ n }) => n);
      if (ofEffects.join() !== numbers.join())
        this.problem(
          `${org}: effects ${numbers.slice(-5).join()} and publications ${ofEffects.slice(-5).join()} are not the same`,
        );
    }
  }

  #checkOutboxes(): void {
    const { outboxMaxMessages = 0, outboxMaxBytes = 0 } = this.options;
    // A document beyond the bound may wait alone; replies may take twice the bound, and the network holds one such outbox more.
    const most = 4 * outboxMaxBytes + 2 * DOCUMENT_MAX;
    for (const { hub } of this.upNodes())
      for (const org of ORGS)
        for (const connection of hub.forOrg(org).connections({ limit: 1_000 }).connections) {
          if (connection.outboxMessages > outboxMaxMessages)
            this.problem(
              `an outbox holds ${connection.outboxMessages} publications, more than ${outboxMaxMessages}`,
            );
          if (connection.outboxBytes > most) this.problem(`an outbox holds ${connection.outboxBytes} bytes`);
          if (connection.org !== org)
            this.problem(`a list of ${org} shows a connection of ${connection.org}`);
        }
  }

  // ------------------------------------------------------------ the end

  /** Faults stop, time passes, everybody is equal; then something more is published everywhere, and everybody is equal again. */
  async heal(): Promise<void> {
    this.healing = true;
    this.engine.faults = { ...NO_FAULTS };
    this.engine.hangsUntil = 0;
    this.database.faults = { ...CALM_DATABASE };
    this.database.hangsUntil = 0;
    this.database.awayUntil = 0;
    this.revokedAt.clear();
    for (const node of this.nodes) await node.start();
    for (const link of this.links()) link.calm();
    await this.time.advance(1_000);
    this.#reopen();
    await this.#pass(HEAL_MS / 2);
    this.#reopen();
    for (const node of this.nodes)
      for (const source of node.sources.values()) if (source.brokenSince !== undefined) this.restore(source);
    await this.#pass(HEAL_MS / 2);
    await this.#requireEqual('after healing');
    for (const org of ORGS) for (const item of CASES) this.say(org, item, 1);
    await this.#pass(10_000);
    this.#requireTidy();
    await this.#requireEqual('after publishing once more');
    // Everybody comes back at once, to channels that went on meanwhile.
    for (const link of this.links()) link.cut();
    for (const org of ORGS) for (const item of CASES) this.say(org, item, 3);
    await this.#pass(10_000);
    await this.#requireEqual('after coming back');
    this.#requireOnce();
  }

  async #pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5_000) {
      await this.time.advance(Math.min(left, 5_000));
      // A drain that was under way has ended meanwhile.
      for (const node of this.nodes) await node.start();
      this.check();
    }
  }

  /** What an application does about a state that says `failed`. */
  #reopen(): void {
    for (const sdk of this.sdks) {
      if (sdk.client.state.get().kind === 'failed' || sdk.client.state.get().kind === 'disconnected')
        sdk.client.connect();
      for (const reader of [...sdk.readers.values()])
        if (reader.failed) {
          sdk.close(reader.item.channel);
          sdk.open(reader.item);
        }
    }
    for (const bare of this.bares) for (const { item } of bare.readers.values()) bare.open(item);
  }

  /** No node keeps what nobody is at the other end of. */
  #requireTidy(): void {
    const { effects, tables } = this.database.database;
    if (tables.outbox.size > 0) this.problem(`${tables.outbox.size} publications were never dispatched`);
    const names = new Set(effects.map(({ name }) => name));
    for (const { user, promised, waiting } of this.devices) {
      for (const name of promised)
        if (!names.has(name)) this.problem(`the kept command ${name} never took effect`);
      if (waiting > 0) this.problem(`${user}: ${waiting} kept commands have no end`);
    }
    for (const node of this.nodes) {
      const { connections } = node.hub.stats();
      if (connections > node.links.size)
        this.problem(`node ${node.index} keeps ${connections} connections of ${node.links.size}`);
    }
  }

  /** Each reader must be live and equal once within a moment: one may be between two connections right now. */
  async #requireEqual(when: string): Promise<void> {
    const left = new Set(this.readers());
    for (let turn = 0; turn < 40 && left.size > 0; turn++) {
      for (const reader of left) {
        reader.check();
        if (reader.live && this.#behindSince(reader) === undefined) left.delete(reader);
      }
      if (left.size > 0) await this.time.advance(400);
    }
    for (const reader of left) {
      const what = reader.live ? 'is not equal to the truth' : 'is not live';
      const top = JSON.stringify(this.#topFor(reader));
      const where = `${reader.org}/${reader.item.channel}`;
      this.problem(`${reader.name} ${where} ${what} ${when}: ${reader.describe()}; top ${top}`);
    }
  }

  /** What was published under a key is there once, where the engine kept its memory. */
  #requireOnce(): void {
    if (this.everForgot || this.everWentBack) return;
    for (const { key, channel, position } of [...this.truth.all()].map((one) => ({
      key: one.key,
      channel: one.channel,
      position: one.position,
    }))) {
      if (MAPS.some((item) => item.channel === channel)) continue;
      const seen = new Set<number>();
      for (const { data } of this.truth.of(key).between(position.epoch, 1, position.offset)) {
        const { n } = data as Payload;
        if (seen.has(n)) this.problem(`${channel}: ${n} was published twice`);
        seen.add(n);
      }
    }
  }

  async dispose(): Promise<void> {
    for (const client of [...this.sdks, ...this.bares]) client.dispose();
    for (const node of this.nodes) await node.crash(true);
    await this.time.advance(0);
  }

  #nextOrg(): string {
    return ORGS[this.#clients % ORGS.length] ?? ORGS[0];
  }
}

const BLOCK = 20;

/** Text that shares some blocks with that of the number before and fewer with older ones: a difference to the wrong one does not fit. */
function padOf(n: number, length: number): string {
  let pad = '';
  for (let block = 1; pad.length < length; block++)
    pad += String(block * 1_000_003 + Math.floor(n / (block + 1)) * 7_919)
      .repeat(4)
      .slice(0, BLOCK);
  return pad;
}
