/**
 * Row kube-windows: 100 viewers of one window of 50 rows over 10,000 and 100,000 pods, of which 500 change in a second; in the order of names, and the last changed first. What a viewer
 * gets is compared with what the API server sends a watcher in the same time: each changed object as a whole.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { kubeUnavailable, withKube } from '../lib/kube-rig.mjs';
import { decimals } from '../lib/report.mjs';

const VIEWERS = 100;
const PER_SECOND = 500;
const MIB = 1_048_576;

/** The time of the change goes with the rows, so that it can be timed. */
const FIELDS = { fields: ['metadata.annotations.changed'], limit: 50 };
const ORDERS = {
  name: { aim: 0.05, question: FIELDS },
  'last change': {
    aim: 0.4,
    question: { ...FIELDS, sort: [{ path: 'metadata.annotations["changed"]', order: 'desc' }] },
  },
};

export const kubeWindows = {
  id: 'kube-windows',
  title: 'Kubernetes: 100 viewers of a window of 50 rows, 500 changes a second',
  peers: [],
  unavailable: kubeUnavailable,

  async run({ quick, note }) {
    const sizes = quick ? [500] : [10_000, 100_000];
    const viewers = quick ? 10 : VIEWERS;
    const perSecond = quick ? 100 : PER_SECOND;
    const ms = quick ? 1_500 : 12_000;
    const raw = [];
    for (const size of sizes)
      await withKube(size, async (api, open) => {
        const rig = await open();
        await api.ask('change', { count: 100 });
        // What it costs a simulated API server to write its objects for the first time is no part of opening a window.
        await api.readOnce('/api/v1/pods');
        for (const [order, { aim, question }] of Object.entries(ORDERS)) {
          note(`kube-windows: ${size} pods by ${order}`);
          const fleet = await rig.fleet();
          await rig.ask('delays');
          const { firstMs } = await fleet.ask('open', { viewers, kind: 'window', question });
          const openDelays = await rig.ask('delays');
          await api.ask('rate', { perSecond, ms: 1_000 });
          await sleep(500);
          const before = await measured(api, rig, fleet);
          await rig.ask('delays');
          await fleet.ask('watch', { on: true });
          const { changes, lateMs } = await api.ask('rate', { perSecond, ms });
          await sleep(500);
          const latency = await fleet.ask('watch', { on: false });
          const delays = await rig.ask('delays');
          const after = await measured(api, rig, fleet);
          const grown = (field) => after[field] - before[field];
          raw.push({
            pods: api.pods,
            order,
            aim,
            viewers,
            changes,
            lateMs,
            openMs: firstMs,
            openDelays,
            share: grown('bytes') / viewers / grown('watchBytes'),
            bytesPerViewer: grown('bytes') / viewers / (ms / 1_000),
            wholeBytes: grown('watchBytes') / (ms / 1_000),
            latency,
            delays,
            cpuPercent: grown('cpuUs') / (ms * 10),
            rss: after.rss,
          });
          await fleet.stop();
        }
      });
    return {
      columns: [
        'pods',
        'by',
        'kB/s per viewer',
        'kB/s of whole objects',
        'share',
        'event → client p50 ms',
        'p99 ms',
        'server CPU, % of a core',
        'resident MiB',
        'main thread delay p99 ms',
        'own',
        'max ms',
        'own + waiting',
        'most own',
        'opening: ms',
        'delay max ms',
        'own + waiting',
        'most own',
      ],
      table: raw.map((result) => [
        result.pods,
        result.order,
        decimals(result.bytesPerViewer / 1_000),
        decimals(result.wholeBytes / 1_000, 0),
        `${decimals(result.share * 100)} %`,
        decimals(result.latency.p50, 0),
        decimals(result.latency.p99, 0),
        decimals(result.cpuPercent, 0),
        decimals(result.rss / MIB, 0),
        decimals(result.delays.p99),
        ownOf(result.delays, 'p99'),
        ...longestOf(result.delays),
        decimals(result.openMs, 0),
        ...longestOf(result.openDelays),
      ]),
      checks: raw.map(({ pods, order, aim, share }) => ({
        text: `${pods} pods by ${order}: bytes of a viewer against whole objects`,
        value: share,
        aim,
        met: share <= aim,
      })),
      notes: [
        `${viewers} viewers, ${perSecond} changes a second for ${ms / 1_000} s. CPU and memory are those of the whole server process: reading and keeping the list, the windows' thread, and writing to the viewers. Latency is from the change in the API server to the row in the client, in three of the viewers; a window is cut every 100 ms. Delays are of the event loop that serves connections, at 2 ms; "own" is what its thread ran itself (collecting garbage included) and "waiting" how long it was ready to run while the processors had other work: the viewers and the API server run on the same machine. "Most own" is the most it ran in one delay. The first line of each size has read the list while opening.`,
      ],
      raw,
    };
  },
};

/** The longest delay, its parts, and the longest work of the thread's own. */
function longestOf(delays) {
  const [{ runMs, waitMs } = {}] = delays.longest;
  const parts = runMs === undefined ? '' : `${decimals(runMs, 0)} + ${decimals(waitMs, 0)}`;
  return [decimals(delays.max, 0), parts, ownOf(delays, 'max')];
}

/** Empty where the system does not say. */
function ownOf({ own }, field) {
  return own === undefined ? '' : decimals(own[field]);
}

async function measured(api, rig, fleet) {
  const [counts, usage, received] = await Promise.all([
    api.ask('counts'),
    rig.ask('usage'),
    fleet.ask('received'),
  ]);
  return { ...counts, ...usage, ...received };
}
