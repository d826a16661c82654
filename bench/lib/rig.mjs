/**
 * One server and one fleet of readers, each in its own process, and the measurement all rows share: server CPU around a fixed number
 * of publishes, valid only if every reader got every message once and in order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LineProcess } from './child.mjs';
import { PEERS } from './peers.mjs';

const FLEET = fileURLToPath(new URL('../clients/fleet.mjs', import.meta.url));
/** Handshakes in flight while a fleet opens: below every server's listen backlog. */
const CONNECT_CONCURRENCY = 200;

export class Rig {
  peer;
  server;
  fleet;
  readers;
  #port;
  #wire;
  /** Messages per reader so far. */
  #published = 0;

  /** @param {string} peerId a key of PEERS @param {{execArgs?: string[]}} options flags for the server's Node */
  static async start(peerId, options = {}) {
    const rig = new Rig();
    rig.peer = peerId;
    rig.#wire = PEERS[peerId].wire;
    const { command, args } = PEERS[peerId].server();
    rig.server = new LineProcess(`${peerId} server`, command, [...(options.execArgs ?? []), ...args]);
    rig.#port = (await rig.server.hello()).port;
    rig.fleet = await startFleet(peerId);
    return rig;
  }

  /** Opens `readers` connections from a process of their own and ends it: the server has then done everything once. */
  async visit(readers) {
    const visitors = await startFleet(`${this.peer} visitors`);
    await visitors.ask(`open ${this.#wire} ${this.#port} ${readers} one plain ${CONNECT_CONCURRENCY}`);
    await visitors.stop();
    await this.deserted();
  }

  /** Waits until the server has noticed that nobody is connected. */
  async deserted() {
    for (let attempt = 0; attempt < 400; attempt++) {
      if ((await this.server.ask('connections')).connections === 0) return;
      await sleep(25);
    }
    throw new Error(`${this.peer}: connections remain after their readers left`);
  }

  get port() {
    return this.#port;
  }

  /** Opens `readers` connections. `plan`: `one` channel for all, `ten` channels for all, or `own:n` channels for each. */
  async open(readers, plan = 'one', track = false) {
    this.readers = readers;
    const words = `open ${this.#wire} ${this.#port} ${readers} ${plan} ${track ? 'track' : 'plain'} ${CONNECT_CONCURRENCY}`;
    return this.fleet.ask(words);
  }

  /**
   * Publishes and waits until everything arrived. `cpuUs` is the server's, divided by deliveries. Throws when a message was lost,
   * came twice or out of order.
   */
  async publish({ messages, burst = 1, mode = 'same', pace = 1 }) {
    return this.measure(() => this.server.ask(`publish ${messages} ${burst} ${mode} ${pace}`));
  }

  /** Publishes at a rate. */
  async publishRate(perSecond, durationMs) {
    return this.measure(() => this.server.ask(`rate ${perSecond} ${durationMs}`, durationMs + 120_000));
  }

  /** Server CPU around `run`, which answers `{published}`; all of it must arrive. */
  async measure(run) {
    const before = await this.server.ask('usage');
    const { published, ...rest } = await run();
    this.#published += published;
    await this.expectAll();
    const after = await this.server.ask('usage');
    const deliveries = published * this.readers;
    const userUs = (after.userUs - before.userUs) / deliveries;
    const systemUs = (after.systemUs - before.systemUs) / deliveries;
    return { ...rest, deliveries, userUs, systemUs, cpuUs: userUs + systemUs };
  }

  /** Notes messages that were published outside `measure`. */
  count(published) {
    this.#published += published;
  }

  /** Waits for every message of every reader. */
  async expectAll(timeoutMs = 30_000) {
    const total = this.#published * this.readers;
    const outcome = await this.fleet.ask(`expect ${total} ${timeoutMs}`, timeoutMs + 20_000);
    if (
      !outcome.complete ||
      outcome.received !== total ||
      outcome.gaps + outcome.duplicates + outcome.closed > 0
    ) {
      throw new Error(
        `${this.peer}: deliveries are wrong: ${JSON.stringify({ expected: total, ...outcome })}`,
      );
    }
    return outcome;
  }

  async stop() {
    await Promise.all([this.fleet.stop(), this.server.stop()]);
  }
}

async function startFleet(label) {
  const fleet = new LineProcess(`${label} readers`, process.execPath, [FLEET]);
  await fleet.hello();
  return fleet;
}

/** Runs `work` with one rig for each peer and stops them whatever happens. */
export async function withRigs(peerIds, options, work) {
  const rigs = [];
  try {
    for (const peerId of peerIds) rigs.push(await Rig.start(peerId, options));
    return await work(rigs);
  } finally {
    await Promise.allSettled(rigs.map((rig) => rig.stop()));
  }
}

/**
 * `rounds` rounds of `measure(rig)` for every rig, interleaved and starting with another one each time. Returns a list of results per
 * peer, round by round.
 */
export async function interleave(rigs, rounds, measure) {
  const results = Object.fromEntries(rigs.map((rig) => [rig.peer, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < rigs.length; turn++) {
      const rig = rigs[(turn + round) % rigs.length];
      results[rig.peer].push(await measure(rig));
    }
  }
  return results;
}
