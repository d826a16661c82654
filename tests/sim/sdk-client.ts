/**
 * One application in a world: the SDK as it ships, on the transport package as it ships, over a simulated socket. Each subscription has a judge;
 * what the SDK shows (`live`, maps, loaded state) is compared with what happened.
 */
import {
  createClient,
  type Client,
  type Continuity,
  type Position,
  type StreamSubscription,
  type WebSocketLike,
} from '@trunkline/client';
import { ContinuityChecker } from '@trunkline/client/continuity-checker';
import { CodedError, type ChannelKey } from '@trunkline/protocol';
import { channelKey } from '@trunkline/protocol';
import { SHADES, WANTED, wants, type Case } from './cases.js';
import type { Device } from './device.js';
import type { Dice } from './dice.js';
import { StreamJudge, type Payload } from './judge.js';
import type { Link } from './link.js';
import type { Outside } from './local-map.js';
import { fold } from './node.js';
import type { Surroundings } from './surroundings.js';
import type { Fact } from './truth.js';
import { WireWatch } from './wire-watch.js';

/** What any reader can be asked. */
export interface Reader {
  readonly name: string;
  readonly org: string;
  readonly user: string;
  readonly key: ChannelKey;
  readonly item: Case;
  /** Whether it says that nothing is missing. */
  readonly live: boolean;
  /** Will not come back by itself. */
  readonly failed: boolean;
  /** What it shows and where it is, for a failure's text. */
  describe(): string;
  /** Node it is connected to. */
  node(): number | undefined;
  /** Checks what can be checked at any moment. */
  check(): void;
  /** As `StreamJudge.behindSince`, against the channel's top. */
  behindSince(top: Position): number | undefined;
  close(): void;
}

export class SdkClient {
  readonly name: string;
  readonly org: string;
  readonly user: string;
  readonly client: Client;
  readonly device: Device;
  readonly readers = new Map<string, Reader>();
  readonly #around: Surroundings;
  readonly #dice: Dice;
  link: Link | undefined;

  constructor(around: Surroundings, name: string, org: string, lifeMs: number | undefined, device: Device) {
    const { time, dice } = around;
    this.#around = around;
    this.#dice = dice;
    this.name = name;
    this.org = org;
    this.user = `user-${name}`;
    this.device = device;
    const token = JSON.stringify({ org, user: this.user, ...(lifeMs === undefined ? {} : { lifeMs }) });
    const open = (end: Parameters<Surroundings['connect']>[0]): Link => (this.link = around.connect(end));
    this.client = createClient({
      url: 'ws://simulated',
      getToken: async () => {
        await time.sleep(dice.between(0, 50));
        if (dice.chance(0.02)) throw new Error('the token server does not answer');
        return token;
      },
      websocket: class implements WebSocketLike {
        onopen: ((event: never) => void) | null = null;
        onmessage: ((event: never) => void) | null = null;
        onclose: ((event: never) => void) | null = null;
        onerror: ((event: never) => void) | null = null;
        readonly #link: Link;
        readonly #watch = new WireWatch((text) => around.problem(`${name}: ${text}`));

        constructor() {
          this.#link = open({
            onOpen: () => this.onopen?.({} as never),
            onMessage: (data) => {
              this.#watch.received(data);
              this.onmessage?.({ data } as never);
            },
            onClose: (code, reason) => this.onclose?.({ code, reason } as never),
          });
        }

        send(data: string): void {
          this.#watch.sent(data);
          this.#link.send(data);
        }

        close(): void {
          this.#link.closeByClient();
        }
      },
      clock: time,
      random: dice.random,
      minDelayMs: 100,
      maxDelayMs: 2_000,
      timeoutMs: 8_000,
      connectTimeoutMs: 4_000,
      pingGraceMs: 2_000,
      staleAfterMs: 3_000,
      lingerMs: dice.chance(0.5) ? 0 : 500,
      bufferMaxPublications: 40,
      onError: (error) => {
        // Offsets that are given a second time are taken for the first ones; the difference then says that it does not fit.
        if (error instanceof CodedError && error.message.includes('does not fit') && !around.everWentBack)
          around.problem(`${name}: was sent a difference to what it does not hold`);
        // What applications are told is coded; anything else escaped from somewhere.
        if (
          !(error instanceof CodedError) &&
          !(error instanceof Error && error.message.startsWith('the token'))
        )
          around.problem(
            `${name}: an error without a code: ${String(error instanceof Error ? error.stack : error)}`,
          );
      },
    });
    device.open(this.client);
  }

  open(item: Case): void {
    if (this.readers.has(item.channel)) return;
    const key = channelKey(this.org, item.channel);
    if (item.kind === 'map') this.readers.set(item.channel, this.#map(item, key));
    else if (item.channel === 'log:2') this.readers.set(item.channel, this.#state(item, key));
    else this.readers.set(item.channel, this.#stream(item, key));
  }

  close(channel: string): void {
    this.readers.get(channel)?.close();
    this.readers.delete(channel);
  }

  /** The page is gone, and with it every position it held; what the device keeps stays. */
  dispose(): void {
    this.device.die();
    for (const channel of [...this.readers.keys()]) this.close(channel);
    this.client.dispose();
  }

  /** A call whose effect must happen once however often it is sent. Resolves when the application gave up or was answered. */
  async call(key: string, channel: string, data: Payload): Promise<void> {
    let first: number | undefined;
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        const { result, position } = await this.client.command(
          'sim.add',
          { name: key, channel, data },
          { key },
        );
        const { name } = result as { name: string };
        if (name !== key || position === undefined)
          return this.#around.problem(`${this.name}: call ${key} was answered ${JSON.stringify(result)}`);
        if (first !== undefined && first !== position.offset)
          this.#around.problem(`${this.name}: call ${key} was answered ${first}, then ${position.offset}`);
        first = position.offset;
        if (this.#around.truth.of(channelKey(this.org, channel)).placeOf(data) === undefined)
          this.#around.problem(`${this.name}: call ${key} was answered and not committed`);
        this.#requireShown(channel, position, `the answer to call ${key}`);
        // Sometimes the application asks again although it was answered.
        if (!this.#dice.chance(0.3)) return;
      } catch (error) {
        if (!(error instanceof CodedError))
          return this.#around.problem(`${this.name}: a call failed without a code: ${String(error)}`);
      }
      await this.#around.time.sleep(300);
    }
  }

  /** Calls that carry numbers and leave together: where nothing is lost, they take effect in the order of their numbers. */
  async callInTurn(order: string, channel: string, payloads: readonly Payload[]): Promise<void> {
    const { link } = this;
    const calls = payloads.map((data, seq) => {
      const name = `turn-${this.name}-${data.n}`;
      return this.client.command('sim.add', { name, channel, data }, { key: name, seq, order });
    });
    const answers = await Promise.allSettled(calls);
    const offsets = answers.map((answer) =>
      answer.status === 'fulfilled' ? (answer.value.position?.offset ?? 0) : 0,
    );
    for (const answer of answers)
      if (answer.status === 'rejected' && !(answer.reason instanceof CodedError))
        return this.#around.problem(
          `${this.name}: a call in turn failed without a code: ${String(answer.reason)}`,
        );
    if (this.link !== link || offsets.includes(0)) return;
    if (offsets.some((offset, at) => offset <= (offsets[at - 1] ?? 0)))
      this.#around.problem(`${this.name}: calls of one order took effect as ${offsets.join()}`);
  }

  /** "Done" never overtakes the publication that shows it. */
  #requireShown(channel: string, { epoch, offset }: Position, what: string): void {
    const reader = this.readers.get(channel) as { judge?: StreamJudge; live: boolean } | undefined;
    const at = reader?.judge?.at;
    if (reader?.live !== true || at === undefined || at.epoch !== epoch) return;
    if (at.offset < offset)
      this.#around.problem(`${this.name}: ${what} overtook publication ${offset} of ${channel}`);
  }

  // ------------------------------------------------------------ readers

  #common(item: Case, key: ChannelKey) {
    return {
      name: this.name,
      org: this.org,
      user: this.user,
      key,
      item,
      node: () => this.link?.node,
    };
  }

  #stream(item: Case, key: ChannelKey): Reader & { judge: StreamJudge } {
    const around = this.#around;
    const judge = new StreamJudge(this.name, around.truth.of(key), item.filter, around.problem);
    // What applications use on their own streams must find nothing where the judge finds nothing.
    const checker = new ContinuityChecker({ filtered: item.filter });
    const slowAnswer = this.#dice.chance(0.3);
    let begun = false;
    // Told at once where the channel is still held open.
    let sub: StreamSubscription<unknown> | undefined = undefined as StreamSubscription<unknown> | undefined;
    const opened = this.client.stream(item.channel, {
      ...(item.filter ? { filter: WANTED } : {}),
      ...(item.delta && this.#dice.chance(0.7) ? { delta: 'fossil' as const } : {}),
      ...(item.cache ? { recovery: 'cache' as const } : {}),
      onPublication: ({ data, position }) => {
        checker.publication(position);
        judge.publication(data, position);
        around.requirePermitted(this.name, this.user, item, key, data);
      },
      onGap: ({ from, to }) => {
        checker.gap({ from, to });
        judge.gap(from, to);
      },
      onReset: ({ reason }) => {
        if (reason === 'unrecoverable' && around.mustRecover(item, key, judge.at))
          around.problem(`${this.name} ${this.org}/${item.channel}: ${judge.at?.offset} was not recovered`);
        judge.reset();
        checker.reset();
        return slowAnswer ? around.time.sleep(this.#dice.between(0, 800)) : undefined;
      },
      onSubscribed: () => {
        judge.subscribed();
        if (!begun && sub?.position !== undefined) judge.begin(sub.position);
        begun = true;
      },
    });
    sub = opened;
    if (!begun && opened.position !== undefined && opened.state.get().kind === 'live')
      judge.begin(opened.position);
    begun = true;
    return {
      ...this.#common(item, key),
      judge,
      get live() {
        return opened.state.get().kind === 'live';
      },
      get failed() {
        return opened.state.get().kind === 'failed';
      },
      describe: () =>
        `${JSON.stringify(opened.state.get())} at ${JSON.stringify(judge.at)}, claims ${JSON.stringify(opened.position)}`,
      check: () => {
        if (opened.state.get().kind !== 'live') return;
        judge.claim(opened.position);
        checker.reached(opened.position);
        for (const { text } of checker.violations)
          around.problem(`${this.name} ${this.org}/${item.channel}: the checker says: ${text}`);
      },
      behindSince: (top) => judge.behindSince(top),
      close: () => opened.close(),
    };
  }

  /** State that is loaded and then changed by publications. */
  #state(item: Case, key: ChannelKey): Reader {
    interface Sum {
      readonly sum: number;
      readonly epoch: string;
      readonly offset: number;
    }
    const around = this.#around;
    const truth = around.truth.of(key);
    const store = this.client.channelState<string, Sum>(item.channel, {
      getState: async () => {
        const loaded = (await this.client.rpc('sim.state', { channel: item.channel })) as {
          position: Position;
          sum: number;
        };
        return { state: { sum: loaded.sum, ...loaded.position }, position: loaded.position };
      },
      reduce: ({ sum }, { data, position = { epoch: '', offset: 0 } }) => ({
        sum: fold(sum, data),
        ...position,
      }),
    });
    const continuity = (): Continuity => store.state.get();
    return {
      ...this.#common(item, key),
      get live() {
        return continuity().kind === 'live';
      },
      get failed() {
        return continuity().kind === 'failed';
      },
      describe: () => JSON.stringify(store.get()),
      check: () => {
        const { value } = store.get();
        if (continuity().kind !== 'live' || value === undefined || around.disturbed) return;
        const facts = truth.between(value.epoch, 1, value.offset);
        const expected = facts.reduce((sum, { data }) => fold(sum, data), 0);
        if (expected !== value.sum)
          around.problem(
            `${this.name} ${this.org}/${item.channel}: state ${value.sum} at ${value.offset}, not ${expected}`,
          );
      },
      behindSince: (top) => {
        const { value } = store.get();
        if (value === undefined || top.epoch === '')
          return top.epoch === '' ? undefined : truth.beganMs(top.epoch);
        if (value.epoch !== top.epoch) return truth.beganMs(top.epoch);
        return truth.between(top.epoch, value.offset + 1, top.offset)[0]?.atMs;
      },
      close: () => store.close(),
    };
  }

  #map(item: Case, key: ChannelKey): Reader {
    const around = this.#around;
    const truth = around.truth.of(key);
    const map = this.client.map(item.channel, {
      ...(item.filter ? { filter: WANTED } : {}),
      ...(item.delta && this.#dice.chance(0.7) ? { delta: 'fossil' as const } : {}),
      ...(this.#dice.chance(0.5) ? { pageSize: 2 } : {}),
    });
    let newest = new Map<string, number>();
    let shownBy = '';
    const problem = (text: string): void =>
      around.problem(`${this.name} ${this.org}/${item.channel}: ${text}`);
    const shown = (): ReadonlyMap<string, unknown> => map.get();
    return {
      ...this.#common(item, key),
      get live() {
        return map.state.get().kind === 'live';
      },
      get failed() {
        return map.state.get().kind === 'failed';
      },
      describe: () => `${JSON.stringify(map.state.get())} with ${JSON.stringify([...shown().entries()])}`,
      check: () => {
        // Another source may be behind, or have been away.
        const source = item.source === 'local' ? around.sourceOf(this.link?.node, key) : '';
        // What a local map shows while it says that it may be old is of the source before, or of one that has been away for longer.
        if (source !== shownBy || (item.source === 'local' && map.state.get().kind !== 'live'))
          newest = new Map();
        shownBy = source;
        for (const [entry, value] of shown()) {
          const { org, channel, entry: own } = value as Payload & { entry: string };
          if (org !== this.org || channel !== item.channel || own !== entry)
            problem(`${entry} shows what belongs to ${org}/${channel} ${own}`);
          // An engine that lost writes goes back in time, and so may its readers.
          const place = truth.placeOf(value) ?? -1;
          if (place < 0) problem(`${entry} shows ${JSON.stringify(value)}, which nobody published`);
          // A map that keeps no changes has no way to tell what its pages are ahead of.
          if (!around.everWentBack && !item.ephemeral && place < (newest.get(entry) ?? -1))
            problem(`${entry} went back from ${newest.get(entry)} to ${place}`);
          newest.set(entry, place);
        }
      },
      behindSince: ({ epoch }) => {
        if (epoch === '') return undefined;
        if (item.source === 'local') return behindOutside(around.outside.of(key), shown());
        const facts = truth.between(epoch, 1, Infinity);
        const entries = truth.entries(epoch);
        let since: number | undefined;
        const view = shown();
        for (const entry of new Set([...view.keys(), ...entries.keys()])) {
          const fact = entries.get(entry);
          const wanted = fact !== undefined && (!item.filter || wants(fact.tags)) ? fact : undefined;
          if (wanted === undefined ? !view.has(entry) : JSON.stringify(view.get(entry)) === wanted.text)
            continue;
          const last: Fact | undefined = facts.findLast((one) => one.key === entry);
          since = Math.min(since ?? Infinity, last?.atMs ?? truth.beganMs(epoch));
        }
        return since;
      },
      close: () => map.close(),
    };
  }
}

/** When the first entry changed outside that is not shown as it is there. */
function behindOutside(
  { entries, changedMs }: Outside,
  view: ReadonlyMap<string, unknown>,
): number | undefined {
  let since: number | undefined;
  for (const entry of new Set([...view.keys(), ...entries.keys()])) {
    const shown = view.has(entry) ? JSON.stringify(view.get(entry)) : undefined;
    if (shown !== entries.get(entry)) since = Math.min(since ?? Infinity, changedMs.get(entry) ?? 0);
  }
  return since;
}

/** A key of a map has one shade for ever, so that a filter's readers see it come and go. */
export function shadeOf(entry: string): Record<string, string> {
  return { shade: SHADES[entry.length % SHADES.length] ?? 'red' };
}
