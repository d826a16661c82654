/** Row 2: ten messages published in one turn, to one channel or to ten channels that every reader has; server CPU per delivery. */
import { PEERS } from '../lib/peers.mjs';
import { check, cpuRow, CPU_COLUMNS } from '../lib/report.mjs';
import { interleave, withRigs } from '../lib/rig.mjs';

const BURST = 10;

export const burst = {
  id: 'burst',
  title: 'Bursts of 10 messages of 200 B: server CPU per delivery',
  peers: ['trunkline', 'trunklinePlain', 'loop', 'socketio', 'floor'],

  async run({ peers, quick, note }) {
    const readers = quick ? 200 : 1_000;
    const bursts = quick ? 5 : 30;
    const table = [];
    const checks = [];
    const raw = {};
    await withRigs(peers, {}, async (rigs) => {
      for (const rig of rigs) await rig.open(readers, 'ten');
      for (const rig of rigs) {
        for (const mode of ['same', 'mixed'])
          await rig.publish({ messages: bursts * BURST, burst: BURST, mode });
      }
      for (const mode of ['same', 'mixed']) {
        const results = await interleave(rigs, quick ? 2 : 9, async (rig) => {
          note(`burst ${mode}: ${PEERS[rig.peer].label}`);
          return rig.publish({ messages: bursts * BURST, burst: BURST, mode });
        });
        const load = mode === 'same' ? '10 to one channel' : '1 to each of 10 channels';
        for (const peer of peers) table.push([load, ...cpuRow(peer, results)]);
        checks.push(
          check(`${load}, against the ws loop`, results, 'loop', 0.2),
          check(`${load}, against the batched C floor`, results, 'floor', 3),
        );
        raw[mode] = results;
      }
    });
    return { columns: ['load', ...CPU_COLUMNS], table, checks: checks.filter(Boolean), raw };
  },
};
