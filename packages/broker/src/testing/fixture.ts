/** What the contract suite needs of an engine, and the recording handler its tests look at. */
import { channelKey, type ChannelKey, type ClientInfo, type Publication } from '@trunkline/protocol';
import type { Broker, BrokerHandler, HistoryFilter, MapPublishOptions, PublishOptions } from '../broker.js';

/** One empty engine and its time. Made for each test, disposed after it. */
export interface BrokerFixture {
  /** A node. Called once. */
  make(handler: BrokerHandler): Broker | Promise<Broker>;
  /** Another node on the same engine; where it is absent the rules about several nodes are not tried. */
  makePeer?(handler: BrokerHandler): Broker | Promise<Broker>;
  /** Lets `ms` pass: moves a fake clock, or sleeps. What the engine does by itself in that time has happened when it resolves. */
  advance(ms: number): Promise<void>;
  /**
   * Milliseconds that the engine tells apart with certainty; times to live in the suite are a few of these. About 1,000 on a fake clock, 100
   * for an engine that has to be waited for.
   */
  readonly tickMs: number;
  /** Runs of each property; default 100. Less for engines on a network. */
  readonly propertyRuns?: number;
  /** Disposes the nodes and empties the engine. */
  dispose(): void | Promise<void>;
}

export interface Recorded {
  readonly key: ChannelKey;
  readonly publication: Publication;
  readonly epoch: string;
}

/** A handler that writes down what it is told. */
export class Recorder implements BrokerHandler {
  readonly publications: Recorded[] = [];
  readonly presence: {
    readonly change: 'join' | 'leave';
    readonly key: ChannelKey;
    readonly info: ClientInfo;
  }[] = [];
  readonly control: string[] = [];
  resumed = 0;

  onPublication(key: ChannelKey, publication: Publication, epoch: string): void {
    this.publications.push({ key, publication, epoch });
  }
  onJoin(key: ChannelKey, info: ClientInfo): void {
    this.presence.push({ change: 'join', key, info });
  }
  onLeave(key: ChannelKey, info: ClientInfo): void {
    this.presence.push({ change: 'leave', key, info });
  }
  onControl(message: string): void {
    this.control.push(message);
  }
  onResumed(): void {
    this.resumed++;
  }

  /** Data of what came on `key`, in order. */
  data(key: ChannelKey): unknown[] {
    return this.publications
      .filter((recorded) => recorded.key === key)
      .map(({ publication }) => publication.data);
  }
  offsets(key: ChannelKey): number[] {
    return this.publications
      .filter((recorded) => recorded.key === key)
      .map(({ publication }) => publication.offset);
  }
}

/** A fixture with its first node, as the rules see it. */
export interface Bench {
  readonly fixture: BrokerFixture;
  readonly broker: Broker;
  readonly heard: Recorder;
  /** A second node. Only in rules that are tried where there is `makePeer`. */
  peer(): Promise<{ readonly broker: Broker; readonly heard: Recorder }>;
  /** Repeats `check` until it passes, letting a little time pass: for what travels between nodes. */
  eventually(check: () => void): Promise<void>;
}

export type Rule = (bench: Bench) => Promise<void>;

export async function createBench(fixture: BrokerFixture): Promise<Bench> {
  const heard = new Recorder();
  const broker = await fixture.make(heard);
  return {
    fixture,
    broker,
    heard,
    peer: async () => {
      if (fixture.makePeer === undefined) throw new Error('this rule needs makePeer');
      const recorder = new Recorder();
      return { broker: await fixture.makePeer(recorder), heard: recorder };
    },
    eventually: async (check) => {
      for (let attempt = 0; attempt < 40; attempt++) {
        try {
          return check();
        } catch {
          await fixture.advance(fixture.tickMs / 20);
        }
      }
      check();
    },
  };
}

export const NEWS = channelKey('acme', 'news');
export const OTHER = channelKey('acme', 'other');
/** The same channel name in another org. */
export const FOREIGN = channelKey('umbrella', 'news');

export const HOUR = 3_600_000;

export const KEPT: PublishOptions = { historySize: 10, historyTtlMs: HOUR, metaTtlMs: 2 * HOUR };
export const UNKEPT: PublishOptions = { historySize: 0, historyTtlMs: 0, metaTtlMs: HOUR };
export const MAP: MapPublishOptions = {
  streamSize: 100,
  streamTtlMs: HOUR,
  metaTtlMs: 2 * HOUR,
  keyTtlMs: 0,
  maxKeys: 1_000,
};
export const ALL: HistoryFilter = { limit: Infinity, reverse: false };
export const WHOLE = { cursor: '', limit: Infinity, maxBytes: Infinity };

export const ANN: ClientInfo = { user: 'ann', client: 'c1', connInfo: '{"name":"Ann"}' };
export const BOB: ClientInfo = { user: 'bob', client: 'c2', chanInfo: '[1]' };
