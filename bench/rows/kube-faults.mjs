/**
 * Row kube-faults: the API server ends every watch, says that versions are too old, and dies, while pods change. Afterwards the rows of the viewer are compared, one by one and with their
 * versions, with what the API server has; lists per reflector are counted in the server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { kubeUnavailable, untilTrue, withKube } from '../lib/kube-rig.mjs';
import { decimals } from '../lib/report.mjs';

const PER_SECOND = 50;

const FAULTS = {
  'every watch ends, five times': async (api, { beforeMs }) => {
    for (let time = 0; time < 5; time++) {
      await api.ask('endWatches');
      await sleep(beforeMs);
    }
  },
  '410 in the stream': (api) => api.ask('expire'),
  'gone for a while': (api, { downMs }) => api.ask('die', { ms: downMs }),
};

export const kubeFaults = {
  id: 'kube-faults',
  title: 'Kubernetes: faults of the API server',
  peers: [],
  unavailable: kubeUnavailable,

  async run({ quick, note }) {
    const pods = quick ? 100 : 2_000;
    // Spec and aim say 60 s; a minute of waiting shows no more than these.
    const times = quick
      ? { beforeMs: 200, downMs: 1_000, ms: 2_500 }
      : { beforeMs: 1_500, downMs: 10_000, ms: 14_000 };
    const raw = await withKube(pods, async (api, open) => {
      const rig = await open();
      const fleet = await rig.fleet();
      await fleet.ask('open', { viewers: 3, kind: 'list', question: {} });
      const results = [];
      for (const [label, strike] of Object.entries(FAULTS)) {
        note(`kube-faults: ${label}`);
        await sleep(times.beforeMs);
        await fleet.ask('rows');
        const before = await onlyReflector(rig);
        await api.ask('begin', { perSecond: PER_SECOND, ms: times.ms });
        await sleep(times.beforeMs);
        await strike(api, times);
        const { changes } = await api.ask('end');
        const { names } = await api.ask('names');
        const expected = new Set(names);
        const shown = await settled(fleet, expected);
        const after = await onlyReflector(rig);
        results.push({
          label,
          pods: api.pods,
          changes,
          ...shown,
          relists: after.lists - before.lists,
          watches: after.watches - before.watches,
        });
      }
      return results;
    });
    const wrong = raw.reduce((sum, result) => sum + result.wrong, 0);
    return {
      columns: [
        'fault',
        'changes meanwhile',
        'states shown',
        'rows wrong afterwards',
        'relists',
        'watches opened',
      ],
      table: raw.map((result) => [
        result.label,
        result.changes,
        result.states.join(', '),
        result.wrong,
        result.relists,
        result.watches,
      ]),
      checks: [
        { text: 'rows that are wrong afterwards', value: wrong, aim: 0, met: wrong === 0 },
        ...raw.map(({ label, relists }) => ({
          text: `${label}: relists of the reflector`,
          value: relists,
          aim: 1,
          met: relists <= 1,
        })),
      ],
      notes: [
        `${raw[0].pods} pods, ${PER_SECOND} changes a second, three viewers of one list. The API server is gone for ${decimals(times.downMs / 1_000, 0)} s, not for the 60 s of the aim, and has forgotten old versions when it comes back.`,
      ],
      raw,
    };
  },
};

/** Once the rows are live and right, or after waiting long: how many are wrong, and which states were shown. */
async function settled(fleet, expected) {
  const seen = new Set();
  let wrong = 0;
  const isRight = async () => {
    const { rows, state, states } = await fleet.ask('rows');
    for (const each of states) seen.add(each);
    wrong = rows.filter((row) => !expected.has(row)).length + Math.max(0, expected.size - rows.length);
    return state === 'live' && wrong === 0;
  };
  await untilTrue('the rows are right', isRight, 40_000).catch(() => undefined);
  return { wrong, states: [...seen].sort() };
}

async function onlyReflector(rig) {
  const { reflectors } = await rig.ask('reflectors');
  const [reflector] = reflectors.filter(({ objects }) => objects > 0);
  if (reflector === undefined) throw new Error('no reflector');
  return reflector;
}
