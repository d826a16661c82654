/**
 * How a server under measurement is driven: one line in on standard input, one JSON line out. The same few commands for every peer
 * (the C floor speaks them too), so that the harness treats all alike. CPU is read here, in the measured process itself.
 *
 *   usage                                     → {userUs, systemUs, rss, heapUsed, external}
 *   memory                                    → the same after full garbage collections (needs --expose-gc)
 *   connections                               → {connections}
 *   publish <messages> <burst> <mode> <pace>  → {published, first, wallUs}; mode `same` or `mixed`
 *   rate <perSecond> <durationMs>             → {published, first, wallUs, lateUs}
 *   quiet <channels>                          → publishes once to each of that many channels nobody listens to
 *   quit
 *
 * One burst is published in one turn of the event loop; the next follows after the turn's writes and a rest of `pace` times the time
 * they took (at least 1 ms), so that readers keep up and every server runs at the same share of a core.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildPayload, nowUs } from '../lib/payload.mjs';

/** Channels of mode `mixed`: message n goes to channel n mod 10. */
export const CHANNELS = Array.from({ length: 10 }, (_, index) => `bench:c${index}`);
/** A publisher later than this stamps messages with the time they were due, so that a stalled server cannot hide its stall. */
const LATE_US = 2_000;

/**
 * @param {{port: number, connections: () => number, publish: (channel: string, payload: string) => unknown, encode?: (sequence: number, timeUs: number) => unknown}} server
 *   `publish` may return a promise; `encode` replaces the payload text where the server serialises itself.
 */
export function serveControl(server) {
  const encode = server.encode ?? buildPayload;
  let sequence = 0;

  const publishNext = (channel, timeUs) => server.publish(channel, encode(sequence++, timeUs));

  const publish = async (messages, burst, mode, pace) => {
    const first = sequence;
    const started = nowUs();
    while (sequence - first < messages) {
      const begin = nowUs();
      const pending = [];
      for (let index = 0; index < burst; index++) {
        pending.push(
          publishNext(mode === 'mixed' ? CHANNELS[sequence % CHANNELS.length] : CHANNELS[0], nowUs()),
        );
      }
      await Promise.all(pending);
      await turn();
      await turn();
      await sleep(Math.max(1, Math.round(((nowUs() - begin) * pace) / 1000)));
    }
    return { published: sequence - first, first, wallUs: nowUs() - started };
  };

  const rate = async (perSecond, durationMs) => {
    const first = sequence;
    const started = nowUs();
    const total = Math.round((perSecond * durationMs) / 1000);
    const stepUs = 1e6 / perSecond;
    let lateUs = 0;
    for (let sent = 0; sent < total;) {
      const now = nowUs();
      const dueUs = Math.floor(started + sent * stepUs);
      if (dueUs > now) {
        await sleep(Math.max(1, Math.floor((dueUs - now) / 1000)));
        continue;
      }
      lateUs = Math.max(lateUs, now - dueUs);
      const pending = publishNext(CHANNELS[0], now - dueUs > LATE_US ? dueUs : now);
      sent++;
      await pending;
    }
    return { published: sequence - first, first, wallUs: nowUs() - started, lateUs };
  };

  const quiet = async (channels) => {
    for (let index = 0; index < channels; index++)
      await server.publish(`bench:q${index}`, encode(0, nowUs()));
    return { published: channels };
  };

  const commands = {
    usage: () => usage(),
    memory: async () => {
      for (let round = 0; round < 6; round++) {
        globalThis.gc?.();
        await sleep(30);
      }
      return usage();
    },
    connections: () => ({ connections: server.connections() }),
    publish: ([messages, burst, mode, pace]) => publish(Number(messages), Number(burst), mode, Number(pace)),
    rate: ([perSecond, durationMs]) => rate(Number(perSecond), Number(durationMs)),
    quiet: ([channels]) => quiet(Number(channels)),
  };

  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const [name, ...words] = line.trim().split(' ');
    if (name === 'quit') process.exit(0);
    Promise.resolve()
      .then(() => {
        const command = commands[name];
        if (!command) throw new Error(`unknown command ${name}`);
        return command(words);
      })
      .then(answer, (error) => answer({ error: String(error?.stack ?? error) }));
  });
  // The harness is gone: so is the reason to run.
  lines.on('close', () => process.exit(0));
  answer({ port: server.port });
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function usage() {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { userUs: user, systemUs: system, rss, heapUsed, external };
}

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}
