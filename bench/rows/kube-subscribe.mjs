/**
 * Row kube-subscribe: from the call of `liveList` to all rows of a list of 5,000 pods, with nothing known of it in the server (cold) and with its reflector there (warm), whole objects and the few
 * fields of a table, against one LIST asked of the API server itself in one piece. Asked of a real API server, on which the aims are judged, and of the simulated one, which keeps its texts and answers
 * a LIST for next to nothing. One process asks all in turns, over connections that are open.
 */
import { kubeUnavailable, realUnavailable, withKube } from '../lib/kube-rig.mjs';
import { decimals } from '../lib/report.mjs';
import { median, medianRatio, spread } from '../lib/statistics.mjs';

const AIMS = { cold: 1.2, warm: 0.3 };
const WAYS = {
  direct: 'direct LIST',
  cold: 'cold subscribe',
  warm: 'warm subscribe',
  coldFields: 'cold subscribe, 5 fields',
  warmFields: 'warm subscribe, 5 fields',
};
/** What a table of pods shows. */
const FIELDS = [
  'spec.nodeName',
  'status.phase',
  'status.containerStatuses',
  'metadata.labels',
  'metadata.creationTimestamp',
];
const LABELS = { real: 'kube-apiserver', simulated: 'simulated API server' };

export const kubeSubscribe = {
  id: 'kube-subscribe',
  title: 'Kubernetes: from subscribe to all rows',
  peers: [],
  unavailable: kubeUnavailable,

  async run({ quick, note }) {
    const pods = quick ? 200 : 5_000;
    const rounds = quick ? 2 : 7;
    const without = quick ? 'a quick run does without it' : await realUnavailable();
    const raw = {};
    for (const kind of without === undefined ? ['real', 'simulated'] : ['simulated'])
      raw[kind] = await withKube(pods, (api, open) => measure({ api, open, rounds, kind, note }), kind);
    const ratio = (kind, way) => medianRatio(raw[kind][way], raw[kind].direct);
    const judged = raw.real === undefined ? [] : Object.entries(AIMS);
    return {
      columns: ['API server', 'way', 'ms', 'rounds', 'against the direct LIST'],
      table: Object.keys(raw).flatMap((kind) =>
        Object.entries(WAYS).map(([way, label]) => {
          const { low, high } = spread(raw[kind][way]);
          return [
            LABELS[kind],
            label,
            decimals(median(raw[kind][way]), 0),
            `${decimals(low, 0)}–${decimals(high, 0)}`,
            way === 'direct' ? '' : decimals(ratio(kind, way), 2),
          ];
        }),
      ),
      checks: judged.map(([way, aim]) => ({
        text: `${WAYS[way]} against one direct LIST, ${LABELS.real}`,
        value: ratio('real', way),
        aim,
        met: ratio('real', way) <= aim,
      })),
      notes: [
        `${pods} pods. All processes of a round share two cores. The direct LIST is one answer of one request, parsed; a subscribe ends with the array of all rows.`,
        `Sizes of the direct LIST: ${Object.entries(raw)
          .map(([kind, { bytes }]) => `${LABELS[kind]} ${decimals(bytes / 1e6, 1)} MB`)
          .join(', ')}. Fields: ${FIELDS.join(', ')}.`,
        without === undefined
          ? 'The simulated API server keeps its texts, so that its LIST costs little more than the network; the aims are judged on the real one.'
          : `Not measured on a real API server (${without}), so the aims are not judged: the simulated one keeps its texts, and its LIST costs little more than the network.`,
      ],
      raw,
    };
  },
};

async function measure({ api, open, rounds, kind, note }) {
  const rig = await open();
  const fleet = await rig.fleet();
  const { url, token, caFile } = api;
  const results = { bytes: 0, ...Object.fromEntries(Object.keys(WAYS).map((way) => [way, []])) };
  for (let round = -2; round < rounds; round++) {
    note(`kube-subscribe, ${kind}: round ${round + 1}`);
    // Selectors that let everything pass and were never asked before: another list to server and API server.
    const [whole, cut] = [`round!=r${round + 10}`, `fields!=r${round + 10}`];
    const path = `/api/v1/pods?labelSelector=${encodeURIComponent(whole)}`;
    const direct = () => fleet.ask('direct', { url, token, path, ...(caFile ? { caFile } : {}) });
    const subscribe = (labelSelector, fields) =>
      fleet.ask('subscribe', { question: { labelSelector, ...(fields ? { fields } : {}) } });
    // Who is first changes; warm needs cold before it.
    const found = {};
    if (round % 2 === 0) found.direct = await direct();
    found.cold = await subscribe(whole);
    found.warm = await subscribe(whole);
    found.coldFields = await subscribe(cut, FIELDS);
    found.warmFields = await subscribe(cut, FIELDS);
    found.direct ??= await direct();
    results.bytes = found.direct.bytes;
    for (const [way, { ms, rows }] of Object.entries(found)) {
      if (rows !== api.pods) throw new Error(`${way}: ${rows} of ${api.pods} rows`);
      if (round >= 0) results[way].push(ms);
    }
  }
  return results;
}
