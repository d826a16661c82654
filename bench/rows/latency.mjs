/**
 * Row 5: time from publish to the reader's read, at three rates. 100 readers of one channel, so that a rate of deliveries is a hundredth
 * of it in publications, evenly spaced. A message whose turn came late is stamped with the time it was due.
 */
import { PEERS } from '../lib/peers.mjs';
import { median, medianRatio } from '../lib/statistics.mjs';
import { decimals } from '../lib/report.mjs';
import { interleave, withRigs } from '../lib/rig.mjs';

const READERS = 100;
const QUANTILES = ['p50Us', 'p99Us', 'p999Us'];

export const latency = {
  id: 'latency',
  title: 'Publish to receive, by rate of deliveries',
  peers: ['trunkline', 'trunklinePlain', 'loop', 'socketio'],

  async run({ peers, quick, note }) {
    const rates = quick ? [1_000, 10_000] : [1_000, 10_000, 50_000];
    const durationMs = quick ? 500 : 8_000;
    const table = [];
    const checks = [];
    const raw = {};
    await withRigs(peers, {}, async (rigs) => {
      for (const rig of rigs) {
        await rig.open(READERS);
        await rig.publishRate(200, quick ? 200 : 3_000);
      }
      for (const rate of rates) {
        const results = await interleave(rigs, quick ? 1 : 5, async (rig) => {
          note(`latency ${rate}/s: ${PEERS[rig.peer].label}`);
          await rig.fleet.ask('latency start');
          const { cpuUs, lateUs } = await rig.publishRate(rate / READERS, durationMs);
          return { ...(await rig.fleet.ask('latency stop')), cpuUs, lateUs };
        });
        for (const peer of peers) {
          const of = (field) => median(results[peer].map((result) => result[field]));
          table.push([
            `${rate}/s`,
            PEERS[peer].label,
            ...QUANTILES.map((field) => decimals(of(field) / 1000, 2)),
            decimals(of('cpuUs'), 1),
          ]);
        }
        if (results.trunkline && results.socketio) {
          for (const field of QUANTILES) {
            const ratio = medianRatio(
              results.trunkline.map((result) => result[field]),
              results.socketio.map((result) => result[field]),
            );
            checks.push({
              text: `${rate}/s ${field.replace('Us', '')}, against Socket.IO`,
              value: ratio,
              aim: 1,
              met: ratio <= 1,
            });
          }
        }
        raw[rate] = results;
      }
    });
    return {
      columns: ['deliveries', 'server', 'p50 ms', 'p99 ms', 'p99.9 ms', 'CPU µs per delivery'],
      table,
      checks,
      raw,
    };
  },
};
