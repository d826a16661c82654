/**
 * A client that speaks the native wire by hand, with or without our extensions: what a stock SDK in another language would be. It accepts
 * consecutive offsets, takes gap notices, recovers by position, answers pings, and comes back after any close. A frame it cannot read ends
 * the connection.
 */
import { channelKey, ERROR_CODES, type Position } from '@trunkline/protocol';
import { WANTED, type Case } from './cases.js';
import { StreamJudge, type Payload } from './judge.js';
import type { Link } from './link.js';
import type { Reader } from './sdk-client.js';
import type { Surroundings } from './surroundings.js';

type Frame = Record<string, unknown>;

interface Held extends Reader {
  readonly judge: StreamJudge;
  state: 'idle' | 'asked' | 'subscribed';
  /** Of the subscribe under way. */
  askedId: number;
  brokenSource: boolean;
  wanted: boolean;
  retry: boolean;
}

/** Without a frame for so long the connection counts as dead: ping interval and grace. */
const SILENCE_MS = 7_000;

export class BareClient {
  readonly name: string;
  readonly org: string;
  readonly user: string;
  readonly extensions: string;
  readonly readers = new Map<string, Held>();
  readonly #around: Surroundings;
  readonly #asked = new Map<
    number,
    {
      readonly kind: 'connect' | 'subscribe' | 'publish';
      readonly channel: string;
      readonly n: number;
      /** The subscription that stood when it was asked; 0: none. */
      readonly during: number;
    }
  >();
  link: Link | undefined;
  #open = false;
  #nextId = 1;
  #heardMs = 0;
  #gone = false;
  /** Own publications that were seen, by what they counted. */
  readonly #seen = new Set<number>();

  constructor(around: Surroundings, name: string, org: string, extensions: string) {
    this.#around = around;
    this.name = name;
    this.org = org;
    this.user = `user-${name}`;
    this.extensions = extensions;
    this.#connect();
    this.#watch();
  }

  open(item: Case): void {
    const known = this.readers.get(item.channel);
    if (known) {
      known.wanted = true;
      return this.#subscribe(known);
    }
    const { truth, problem } = this.#around;
    const key = channelKey(this.org, item.channel);
    const judge = new StreamJudge(this.name, truth.of(key), item.filter, problem);
    const open = (): boolean => this.#open;
    const held: Held = {
      name: this.name,
      org: this.org,
      user: this.user,
      key,
      item,
      judge,
      state: 'idle',
      askedId: 0,
      brokenSource: false,
      wanted: true,
      retry: false,
      failed: false,
      get live() {
        return this.state === 'subscribed' && open() && !this.brokenSource;
      },
      node: () => this.link?.node,
      describe: () =>
        `${held.state}${held.brokenSource ? ', source away' : ''} at ${JSON.stringify(judge.at)}`,
      check: () => undefined,
      behindSince: (top) => judge.behindSince(top),
      close: () => undefined,
    };
    this.readers.set(item.channel, held);
    this.#subscribe(held);
  }

  /** Leaves a channel; what it held is forgotten. */
  close(channel: string): void {
    const held = this.readers.get(channel);
    if (!held) return;
    this.readers.delete(channel);
    if (held.state !== 'idle' && this.#open) this.#send({ unsubscribe: { channel } });
  }

  publish(channel: string, data: Payload): void {
    if (!this.#open) return;
    this.#ask('publish', channel, { publish: { channel, data } }, data.n);
  }

  dispose(): void {
    this.#gone = true;
    this.link?.closeByClient();
  }

  // ------------------------------------------------------------ the connection

  #connect(): void {
    if (this.#gone) return;
    const { time, dice } = this.#around;
    this.#heardMs = time.monotonic();
    this.#asked.clear();
    this.#seen.clear();
    const link: Link = this.#around.connect({
      onOpen: () => {
        const offer = this.extensions === '' ? {} : { headers: { 'trunkline-extensions': this.extensions } };
        this.#ask('connect', '', {
          connect: { token: JSON.stringify({ org: this.org, user: this.user }), ...offer },
        });
      },
      onMessage: (text) => this.link === link && this.#read(text),
      onClose: () => {
        if (this.link !== link) return;
        this.#open = false;
        for (const held of this.readers.values()) held.state = 'idle';
        time.setTimeout(() => this.link === link && this.#connect(), dice.between(20, 800));
      },
    });
    this.link = link;
  }

  #watch(): void {
    const { time } = this.#around;
    time.setTimeout(() => {
      if (this.#gone) return;
      if (time.monotonic() - this.#heardMs > SILENCE_MS) {
        this.#heardMs = time.monotonic();
        this.link?.closeByClient();
      }
      this.#watch();
    }, 1_000);
  }

  #ask(kind: 'connect' | 'subscribe' | 'publish', channel: string, command: Frame, n = 0): void {
    const id = this.#nextId++;
    const held = this.readers.get(channel);
    const during = held?.state === 'subscribed' ? held.askedId : 0;
    this.#asked.set(id, { kind, channel, n, during });
    this.#send({ id, ...command });
  }

  #send(command: Frame): void {
    this.link?.send(
      JSON.stringify(
        'id' in command || Object.keys(command).length === 0 ? command : { id: this.#nextId++, ...command },
      ),
    );
  }

  #subscribe(held: Held): void {
    if (!this.#open || held.state !== 'idle' || !held.wanted) return;
    const at = held.judge.at;
    held.state = 'asked';
    const recover = at === undefined ? {} : { recover: true, epoch: at.epoch, offset: at.offset };
    const filter = held.item.filter ? { tf: WANTED } : {};
    const { channel } = held.item;
    held.askedId = this.#nextId;
    this.#ask('subscribe', channel, {
      subscribe: { channel, recoverable: true, positioned: true, ...recover, ...filter },
    });
  }

  #again(held: Held): void {
    held.state = 'idle';
    if (held.retry) return;
    held.retry = true;
    const { time, dice } = this.#around;
    time.setTimeout(
      () => {
        held.retry = false;
        if (this.readers.get(held.item.channel) === held) this.#subscribe(held);
      },
      dice.between(50, 600),
    );
  }

  // ------------------------------------------------------------ frames

  #read(text: string): void {
    this.#heardMs = this.#around.time.monotonic();
    for (const line of text.split('\n')) {
      let frame: Frame;
      try {
        frame = JSON.parse(line) as Frame;
      } catch {
        this.link?.closeByClient();
        return;
      }
      if (Object.keys(frame).length === 0) this.#send({});
      else if (frame['push'] !== undefined) this.#push(frame['push'] as Frame);
      else this.#reply(frame);
    }
  }

  #reply(frame: Frame): void {
    const id = Number(frame['id'] ?? 0);
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (!asked) return;
    if (asked.kind === 'connect') {
      if (frame['connect'] === undefined) return this.link?.closeByClient();
      this.#open = true;
      for (const held of this.readers.values()) this.#subscribe(held);
    } else if (asked.kind === 'subscribe') {
      const held = this.readers.get(asked.channel);
      // The answer to a subscribe of before, for a reader that has left.
      if (held?.state === 'asked' && held.askedId === id) this.#subscribed(held, frame);
    } else if (frame['publish'] !== undefined) this.#requireSeen(asked);
  }

  /** The reply to an own publish follows the publication, where one subscription stood all the time. */
  #requireSeen({
    channel,
    n,
    during,
  }: {
    readonly channel: string;
    readonly n: number;
    readonly during: number;
  }): void {
    // Of a history that began anew nothing is shown here: this reader is about to be told that its own has ended.
    if (this.#around.everWentBack) return;
    const held = this.readers.get(channel);
    if (held?.state !== 'subscribed' || held.item.source === 'plain' || held.item.filter) return;
    if (during === 0 || held.askedId !== during) return;
    if (this.extensions.includes('gap') && held.judge.tellings > 0) return;
    if (held.judge.given > 0 && !this.#seen.has(n) && held.judge.tellings === 0)
      this.#around.problem(
        `${this.name} ${this.org}/${channel}: the reply to its publish of ${n} overtook the publication`,
      );
  }

  #subscribed(held: Held, frame: Frame): void {
    const result = frame['subscribe'] as Frame | undefined;
    if (!result) {
      const { code } = frame['error'] as { code: number };
      // Commands about one subscription run one after another, so the unsubscribe sent before was carried out.
      if (code === ERROR_CODES.alreadySubscribed.code)
        this.#around.problem(
          `${this.name} ${this.org}/${held.item.channel}: its subscribe overtook its unsubscribe`,
        );
      // Not permitted now; the world opens it again when that changed.
      if (code === 103) {
        held.state = 'idle';
        held.wanted = false;
        return;
      }
      return this.#again(held);
    }
    held.state = 'subscribed';
    held.judge.subscribed();
    const announced = (result['data'] as { tl?: { source?: { state: string } } } | undefined)?.tl?.source
      ?.state;
    // Without the extension nobody says when it changes.
    held.brokenSource = this.extensions.includes('source') && announced !== undefined && announced !== 'live';
    const at = held.judge.at;
    const top: Position = { epoch: String(result['epoch'] ?? ''), offset: Number(result['offset'] ?? 0) };
    if (at !== undefined && result['recovered'] === true) {
      for (const publication of (result['publications'] ?? []) as Frame[])
        this.#publication(held, publication, top.epoch);
      held.judge.claim(top);
    } else if (at !== undefined) {
      if (at.epoch === top.epoch && this.#around.mustRecover(held.item, held.key, at))
        this.#around.problem(`${this.name} ${this.org}/${held.item.channel}: ${at.offset} was not recovered`);
      held.judge.reset();
      held.judge.begin(top);
    } else if (held.item.source !== 'plain') held.judge.begin(top);
  }

  #push(push: Frame): void {
    const held = this.readers.get(String(push['channel']));
    const message = push['message'] as { data?: { tl?: { gap?: Frame; source?: Frame } } } | undefined;
    const { gap, source } = message?.data?.tl ?? {};
    if (gap)
      this.#gap(
        gap as unknown as { channel: string; epoch: string; from: number; to: number; reason: string },
      );
    else if (source) {
      const told = this.readers.get(String(source['channel']));
      if (told) told.brokenSource = source['state'] !== 'live';
    } else if (push['pub'] !== undefined) {
      if (held?.state === 'subscribed')
        this.#publication(held, push['pub'] as Frame, held.judge.at?.epoch ?? '');
    } else if (push['unsubscribe'] !== undefined && held) {
      // One that ends a subscription of before does not end the one under way.
      if (held.state !== 'subscribed') return;
      const { code } = push['unsubscribe'] as { code: number };
      if (code >= 2_500) this.#again(held);
      else {
        held.state = 'idle';
        held.wanted = false;
      }
    } else if (push['disconnect'] !== undefined) this.link?.closeByClient();
  }

  #gap({ channel, epoch, from, to }: { channel: string; epoch: string; from: number; to: number }): void {
    const held = this.readers.get(channel);
    if (held?.state !== 'subscribed') return;
    const at = held.judge.at;
    if (at?.epoch !== epoch || from > at.offset + 1)
      this.#around.problem(
        `${this.name} ${this.org}/${channel}: told of a gap from ${from} of ${epoch} after ${at?.offset} of ${at?.epoch}`,
      );
    held.judge.gap(from, to);
    held.judge.claim({ epoch, offset: to });
  }

  #publication(held: Held, publication: Frame, epoch: string): void {
    const offset = Number(publication['offset'] ?? 0);
    held.judge.publication(publication['data'], offset === 0 ? undefined : { epoch, offset });
    this.#around.requirePermitted(this.name, this.user, held.item, held.key, publication['data']);
    this.#seen.add((publication['data'] as Payload).n);
  }
}
