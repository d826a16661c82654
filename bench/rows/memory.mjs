/**
 * Row 3: memory of an idle connection with one subscription, and of an idle channel. Every figure comes from a fresh process: a few
 * hundred connections come and go first (so that code, pools and tables exist), then resident memory after garbage collection is
 * compared before and after. Kernel memory of sockets is not in it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PEERS } from '../lib/peers.mjs';
import { median } from '../lib/statistics.mjs';
import { check, decimals } from '../lib/report.mjs';
import { Rig } from '../lib/rig.mjs';

const CHANNELS_EACH = 200;

export const memory = {
  id: 'memory',
  title: 'Memory when idle: per connection with one subscription, per channel',
  peers: ['trunkline', 'loop', 'socketio'],

  async run({ peers, quick, note }) {
    const readers = quick ? 500 : 5_000;
    const channelReaders = quick ? 10 : 50;
    const rounds = quick ? 1 : 5;
    const raw = Object.fromEntries(peers.map((peer) => [peer, []]));
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) {
        note(`memory: ${PEERS[peer].label}`);
        const connections = await grown(peer, (rig) => rig.open(readers, 'one'));
        const perConnection = { rss: connections.rss / readers, heap: connections.heap / readers };
        const own = await grown(peer, (rig) => rig.open(channelReaders, `own:${CHANNELS_EACH}`));
        const channels = channelReaders * CHANNELS_EACH;
        const perChannel = {
          rss: (own.rss - channelReaders * perConnection.rss) / channels,
          heap: (own.heap - channelReaders * perConnection.heap) / channels,
        };
        const result = { perConnection, perChannel };
        if (peer === 'trunkline') {
          const quiet = quick ? 2_000 : 20_000;
          const kept = await grown(peer, (rig) => rig.server.ask(`quiet ${quiet}`));
          result.perKept = { rss: kept.rss / quiet, heap: kept.heap / quiet };
        }
        raw[peer].push(result);
      }
    }
    const column = (peer, what, kind) => raw[peer].map((result) => result[what][kind] / 1024);
    const table = peers.map((peer) => [
      PEERS[peer].label,
      decimals(median(column(peer, 'perConnection', 'rss'))),
      decimals(median(column(peer, 'perConnection', 'heap'))),
      decimals(median(column(peer, 'perChannel', 'rss'))),
      decimals(median(column(peer, 'perChannel', 'heap'))),
      peer === 'trunkline' ? decimals(median(column(peer, 'perKept', 'heap'))) : '',
    ]);
    const resident = Object.fromEntries(
      peers.map((peer) => [peer, raw[peer].map((result) => ({ cpuUs: result.perConnection.rss }))]),
    );
    const checks = [
      check('connection, against bare ws', resident, 'loop', 2),
      check('connection, against Socket.IO', resident, 'socketio', 0.6),
    ];
    return {
      columns: [
        'server',
        'connection, KiB resident',
        'connection, KiB heap and buffers',
        'channel with 1 reader, KiB resident',
        'the same, heap and buffers',
        'channel without reader, 1 message kept, KiB heap',
      ],
      table,
      checks: checks.filter(Boolean),
      raw,
    };
  },
};

/** Bytes a fresh server of this peer grows by when `load` happens. */
async function grown(peer, load) {
  const rig = await Rig.start(peer);
  try {
    await rig.visit(300);
    const before = await rig.server.ask('memory');
    await load(rig);
    await sleep(500);
    const after = await rig.server.ask('memory');
    return {
      rss: after.rss - before.rss,
      heap: after.heapUsed + after.external - before.heapUsed - before.external,
    };
  } finally {
    await rig.stop();
  }
}
