/** Row 1: one 200-byte message to many readers of one channel; server CPU per delivery. */
import { PEERS } from '../lib/peers.mjs';
import { check, cpuRow, CPU_COLUMNS } from '../lib/report.mjs';
import { interleave, withRigs } from '../lib/rig.mjs';

export const fanout = {
  id: 'fanout',
  title: 'One 200 B message to N readers: server CPU per delivery',
  peers: ['trunkline', 'trunklinePlain', 'loop', 'framed', 'socketio', 'floor'],

  async run({ peers, quick, note }) {
    const sizes = quick ? [200] : [1_000, 5_000];
    const table = [];
    const checks = [];
    const raw = {};
    for (const readers of sizes) {
      const results = await withRigs(peers, {}, async (rigs) => {
        for (const rig of rigs) await rig.open(readers);
        const messages = quick ? 30 : Math.round(150_000 / readers);
        for (const rig of rigs) await rig.publish({ messages: quick ? 30 : 200 });
        return interleave(rigs, quick ? 2 : 9, async (rig) => {
          note(`fanout ${readers}: ${PEERS[rig.peer].label}`);
          return rig.publish({ messages });
        });
      });
      for (const peer of peers) table.push([`${readers} readers`, ...cpuRow(peer, results)]);
      checks.push(
        check(`${readers} readers, against the ws loop`, results, 'loop', 1),
        check(`${readers} readers, against Socket.IO`, results, 'socketio', 0.5),
        check(`${readers} readers, against the C floor`, results, 'floor', 2),
      );
      raw[readers] = results;
    }
    return { columns: ['load', ...CPU_COLUMNS], table, checks: checks.filter(Boolean), raw };
  },
};
