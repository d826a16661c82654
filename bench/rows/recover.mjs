/**
 * Row 4: everybody reconnects at once and recovers what was missed, while publishing goes on. Consistent means that a reader has every
 * message up to the last missed one; lost and duplicated messages are counted over the whole run, and so is every message published
 * during the reconnect.
 */
import { PEERS } from '../lib/peers.mjs';
import { median } from '../lib/statistics.mjs';
import { decimals } from '../lib/report.mjs';
import { interleave, withRigs } from '../lib/rig.mjs';

const MISSED = 50;
const DURING = 10;
/** Handshakes in flight. Below the listen backlog, so that no peer waits for a retransmitted SYN. */
const CONCURRENCY = 2_000;
const TIMEOUT_MS = 60_000;

export const recover = {
  id: 'recover',
  title: 'Everybody reconnects at once and recovers 50 missed messages each',
  peers: ['trunkline', 'socketioRecovery'],

  async run({ peers, quick, note }) {
    const readers = quick ? 300 : 5_000;
    const raw = await withRigs(peers, {}, async (rigs) => {
      for (const rig of rigs) {
        await rig.open(readers, 'one', true);
        await rig.publish({ messages: 5 });
      }
      return interleave(rigs, quick ? 1 : 5, async (rig) => {
        note(`recover ${readers}: ${PEERS[rig.peer].label}`);
        return reconnect(rig);
      });
    });
    const table = peers.map((peer) => {
      const of = (field) => raw[peer].map((result) => result[field]);
      return [
        PEERS[peer].label,
        decimals(median(of('consistentMs')), 0),
        decimals(median(of('openMs')), 0),
        decimals(median(of('cpuMs')), 0),
        Math.min(...of('recovered')),
        sum(of('lost')),
        sum(of('duplicated')),
      ];
    });
    const ours = raw.trunkline ?? [];
    const faults = sum(ours.map((result) => result.lost + result.duplicated + readers - result.recovered));
    const checks =
      ours.length > 0
        ? [
            {
              text: `${readers} readers: lost, duplicated or not recovered`,
              value: faults,
              aim: 0,
              met: faults === 0,
            },
          ]
        : [];
    return {
      columns: [
        'server',
        'all consistent, ms',
        'all connected, ms',
        'server CPU, ms',
        'recovered (least)',
        'lost',
        'duplicated',
      ],
      table,
      checks,
      raw,
    };
  },
};

async function reconnect(rig) {
  const started = await rig.fleet.ask('drop');
  await rig.deserted();
  const missed = await rig.server.ask(`publish ${MISSED} 1 same 0`);
  const until = missed.first + missed.published;
  const before = await rig.server.ask('usage');
  const [back, live] = await Promise.all([
    rig.fleet.ask(`reopen ${rig.port} ${until} ${TIMEOUT_MS} ${CONCURRENCY}`, TIMEOUT_MS + 60_000),
    rig.server.ask(`rate 10 ${DURING * 100}`, TIMEOUT_MS + 60_000),
  ]);
  const total = started.received + (missed.published + live.published) * rig.readers;
  const settled = await rig.fleet.ask(`expect ${total} ${TIMEOUT_MS / 2}`, TIMEOUT_MS + 60_000);
  const after = await rig.server.ask('usage');
  // What the rig counts stays right for the next measurement.
  rig.count(missed.published + live.published);
  return {
    consistentMs: back.consistentUs / 1000,
    openMs: back.openUs / 1000,
    cpuMs: (after.userUs + after.systemUs - before.userUs - before.systemUs) / 1000,
    recovered: back.recovered,
    // Never came at all: gaps seen, and messages short at the end.
    lost: Math.max(settled.gaps - started.gaps, total - settled.received),
    duplicated: settled.duplicates - started.duplicates,
    closed: settled.closed - started.closed,
    firstProblem: settled.firstProblem,
  };
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
