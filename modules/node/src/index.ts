/**
 * The node module: a server node made visible to those who run it. It owns the namespace `node` (local channels: samples
 * for operators, and for each org's administrators samples and events of that org) and the methods behind the console and the command line. It decides nothing about
 * channels; it shows what the hub says, within the walls.
 */
import { defineModule } from '@trunkline/hub';
import { nodeContract } from '@trunkline/contracts/node';
import { EVENTS, mayUseChannel, NODE_NAMESPACE, NODE_STATS, ORG_STATS } from './access.js';
import { createElsewhere } from './elsewhere.js';
import { openFeed } from './feed.js';
import { resolveNodeTuning, type NodeModuleOptions } from './options.js';
import { createPromises } from './promises.js';
import { createRoutes } from './routes.js';
import { StatsSampler } from './sampler.js';

export {
  NODE_DEFAULTS,
  type ConfiguredValue,
  type NodeModuleOptions,
  type NodeTuning,
  type ProcessFacts,
} from './options.js';

const CHANNELS = [NODE_STATS, ORG_STATS, EVENTS];

/** Throws a RangeError that names the field where an option is wrong. Disposing stops every sample. */
export const nodeModule = defineModule<NodeModuleOptions>({
  id: 'node',
  start(context, options) {
    const tuning = resolveNodeTuning(options);
    const sampler = new StatsSampler(context, tuning, options.process);
    const elsewhere = createElsewhere(tuning);
    const promiseOf = createPromises(options.contracts ?? (() => [nodeContract]));
    return {
      namespaces: [
        {
          options: {
            name: NODE_NAMESPACE,
            class: 'local',
            overflow: 'latest',
            allowSubscribe: ['admin', 'operator'],
            allowHistory: ['admin', 'operator'],
            channelPattern: CHANNELS.map((name) => name.slice(NODE_NAMESPACE.length + 1)).join('|'),
          },
          authorise: mayUseChannel,
          source: (request) => {
            if (request.channel === NODE_STATS) return sampler.openNode(request);
            return request.channel === ORG_STATS
              ? sampler.openOrg(request)
              : openFeed(context, request, tuning.sampleIntervalMs);
          },
          lingerMs: tuning.lingerMs,
        },
      ],
      rpc: createRoutes({ context, options, tuning, sampler, elsewhere, promiseOf }),
      answers: elsewhere.answers,
      dispose: () => sampler.dispose(),
    };
  },
});
