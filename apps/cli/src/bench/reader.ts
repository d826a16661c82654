/**
 * One reading connection: connects, subscribes to its channels, counts what comes, and comes back after a loss with its positions, as a client
 * would. It says what the server told it to do (stay away, subscribe again) and nothing about why.
 */
import { Backoff, type Clock, type Random } from '@trunkline/base';
import { staysAway } from '@trunkline/contracts/diagnosis';
import { isTemporary } from '../api.js';
import type { OpenSocket, SocketEnd } from '../sockets.js';
import { WireSession, type WirePublication, type WirePush, type WireReply } from '../wire-session.js';
import { readMessage } from './message.js';
import { Sequence } from './sequence.js';
import type { Tally } from './tally.js';

export interface ReaderDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly open: OpenSocket;
  readonly tally: Tally;
  /** Resolves when this connection may be attempted. */
  readonly gate: () => Promise<void>;
  /** First time subscribed to everything, or gone for good. Called once. */
  readonly onSettled: () => void;
}

export interface ReaderPlan {
  readonly url: string;
  readonly token: string | undefined;
  readonly runId: string;
  readonly channels: readonly string[];
  /** Publishers that number in each channel. */
  readonly sequences: number;
  /** Index of a publisher among those of its channel. */
  sequenceOf(publisher: number): number;
  /** Whether publishing has begun. */
  started(): boolean;
}

/** What a reader knows of one channel. */
interface Feed {
  sequences: Sequence[] | undefined;
  epoch: string;
  offset: number;
  recoverable: boolean;
}

/** The fields of a subscribe reply that are read here. */
interface SubscribeResult {
  readonly recoverable?: boolean;
  readonly recovered?: boolean;
  readonly epoch?: string;
  readonly offset?: number;
  readonly publications?: readonly WirePublication[];
}

const RECONNECT = { minDelayMs: 200, maxDelayMs: 5_000 };
/** Codes of an unsubscribe from which on a client subscribes again. */
const RESUBSCRIBE_FROM = 2_500;

export class Reader {
  readonly #deps: ReaderDeps;
  readonly #plan: ReaderPlan;
  readonly #feeds: ReadonlyMap<string, Feed>;
  readonly #backoff: Backoff;
  #session: WireSession | undefined;
  #live = false;
  #everLive = false;
  #settled = false;
  #closed = false;
  /** The end that keeps it away. */
  #gone: { readonly code: number; readonly reason: string } | undefined;

  constructor(deps: ReaderDeps, plan: ReaderPlan) {
    this.#deps = deps;
    this.#plan = plan;
    this.#backoff = new Backoff(deps.random, RECONNECT);
    this.#feeds = new Map(
      plan.channels.map((channel) => [
        channel,
        { sequences: undefined, epoch: '', offset: 0, recoverable: false },
      ]),
    );
  }

  /** Set where the server sent this reader away for good. */
  get gone(): { readonly code: number; readonly reason: string } | undefined {
    return this.#gone;
  }

  start(): void {
    void this.#deps.gate().then(() => this.#connect());
  }

  close(): void {
    this.#closed = true;
    this.#session?.close();
  }

  /** Calls `look` with every sequence that is watched. */
  eachSequence(look: (channel: string, index: number, sequence: Sequence) => void): void {
    for (const [channel, { sequences }] of this.#feeds)
      sequences?.forEach((sequence, index) => look(channel, index, sequence));
  }

  #connect(): void {
    if (this.#closed) return;
    const session: WireSession = new WireSession(this.#deps, this.#plan.url, {
      onOpen: () => void this.#subscribeAll(session),
      onPush: (push) => this.#push(session, push),
      onEnd: (end) => this.#end(end),
    });
    this.#session = session;
  }

  async #subscribeAll(session: WireSession): Promise<void> {
    const { token } = this.#plan;
    const connected = await session.request('connect', {
      ...(token === undefined ? {} : { token }),
      name: 'trunkline-bench',
    });
    if (!this.#accepted(session, connected)) return;
    for (const channel of this.#feeds.keys()) {
      if (!(await this.#subscribe(session, channel))) return;
    }
    this.#backoff.reset();
    this.#live = true;
    this.#deps.tally.open++;
    if (this.#everLive) this.#deps.tally.reconnects++;
    else this.#deps.tally.made++;
    this.#everLive = true;
    this.#settle();
  }

  /** False where it was refused. */
  #subscribe(session: WireSession, channel: string): Promise<boolean> {
    const feed = this.#feeds.get(channel);
    if (feed === undefined) return Promise.resolve(true);
    const recover = feed.recoverable && feed.epoch !== '';
    const late = this.#plan.started();
    return new Promise((resolve) => {
      session.call(
        'subscribe',
        {
          channel,
          recoverable: true,
          ...(recover ? { recover: true, epoch: feed.epoch, offset: feed.offset } : {}),
        },
        (reply) => {
          const accepted = this.#accepted(session, reply);
          if (accepted) this.#begin(feed, reply.result, recover, late);
          resolve(accepted);
        },
      );
    });
  }

  #begin(feed: Feed, result: SubscribeResult, recover: boolean, late: boolean): void {
    feed.sequences ??= Array.from({ length: this.#plan.sequences }, () => new Sequence(!late));
    if (recover && result.recovered !== true) {
      this.#deps.tally.unrecovered++;
      feed.offset = 0;
    }
    for (const publication of result.publications ?? []) this.#receive(feed, publication, true);
    feed.recoverable = result.recoverable === true;
    feed.epoch = result.epoch ?? '';
    feed.offset = Math.max(feed.offset, result.offset ?? 0);
  }

  /** Counts what was not accepted, and ends the connection; whether it is tried again is decided at its end. */
  #accepted(session: WireSession, reply: WireReply): reply is Extract<WireReply, { kind: 'result' }> {
    if (reply.kind === 'result') return true;
    if (reply.kind === 'error') {
      this.#deps.tally.fail(reply.error.code, reply.error.message);
      // A refusal of a bench is one for all: trying again changes nothing, except where the server is busy.
      if (!isTemporary(reply.error.code)) this.#goAway(reply.error.code, reply.error.message);
    } else if (reply.kind === 'timeout') this.#deps.tally.fail(0, 'no reply in time');
    if (reply.kind !== 'ended') session.close();
    return false;
  }

  #push(session: WireSession, { channel = '', pub, unsubscribe }: WirePush): void {
    const feed = this.#feeds.get(channel);
    if (feed === undefined) return;
    if (pub !== undefined) return this.#receive(feed, pub, false);
    if (unsubscribe === undefined) return;
    const { code = 0, reason = '' } = unsubscribe;
    this.#deps.tally.fail(code, reason === '' ? 'unsubscribed' : reason);
    if (code >= RESUBSCRIBE_FROM) void this.#subscribe(session, channel);
    else {
      this.#goAway(code, reason);
      session.close();
    }
  }

  #receive(feed: Feed, { data, offset }: WirePublication, recovered: boolean): void {
    const { tally, clock } = this.#deps;
    if (offset !== undefined) feed.offset = Math.max(feed.offset, offset);
    const message = readMessage(data, this.#plan.runId);
    const sequence =
      message === undefined ? undefined : feed.sequences?.[this.#plan.sequenceOf(message.publisher)];
    if (message === undefined || sequence === undefined) {
      tally.foreign++;
      return;
    }
    const seen = sequence.see(message.number);
    if (seen === 'again') {
      if (message.attempt > 0) tally.repeated++;
      else tally.duplicated++;
      return;
    }
    tally.deliveries++;
    if (seen === 'late') tally.outOfOrder++;
    if (recovered) tally.recovered++;
    // What waited for a reconnect says how long that took, not how long delivery takes.
    else if (message.attempt === 0) tally.latency.add(clock.monotonic() - message.sentAt);
  }

  #end(end: SocketEnd): void {
    this.#session = undefined;
    if (this.#live) {
      this.#live = false;
      this.#deps.tally.open--;
    }
    if (this.#closed) return;
    this.#count(end);
    if (end.kind === 'closed' && staysAway(end.code)) this.#goAway(end.code, end.reason);
    if (this.#gone !== undefined) return this.#settle();
    this.#deps.clock.setTimeout(() => this.start(), this.#backoff.next());
  }

  #count(end: SocketEnd): void {
    const { tally } = this.#deps;
    if (this.#gone !== undefined) return;
    if (end.kind === 'refused') tally.fail(end.status, 'HTTP status instead of the upgrade');
    else if (end.kind === 'unreachable') tally.fail(0, end.reason);
    else tally.fail(end.code, end.reason === '' ? 'connection closed' : end.reason);
  }

  #goAway(code: number, reason: string): void {
    this.#gone ??= { code, reason };
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#deps.onSettled();
  }
}
