/**
 * The node module: a server node made visible to those who run it. It owns the namespace `node` (two local channels of samples, one for
 * operators, one per org for its administrators) and the methods behind the console and the command line. It decides nothing about
 * channels; it shows what the hub says, within the walls.
 */
import { defineModule } from '@trunkline/hub';
import { mayUseChannel, NODE_NAMESPACE, NODE_STATS, ORG_STATS } from './access.js';
import { resolveNodeTuning, type NodeModuleOptions } from './options.js';
import { createRoutes } from './routes.js';
import { StatsSampler } from './sampler.js';

export { NODE_DEFAULTS, type NodeModuleOptions, type NodeTuning, type ProcessFacts } from './options.js';

/** Throws a RangeError that names the field where an option is wrong. Disposing stops every sample. */
export const nodeModule = defineModule<NodeModuleOptions>({
  id: 'node',
  start(context, options) {
    const tuning = resolveNodeTuning(options);
    const sampler = new StatsSampler(context, tuning, options.process);
    return {
      namespaces: [
        {
          options: {
            name: NODE_NAMESPACE,
            class: 'local',
            overflow: 'latest',
            allowSubscribe: ['admin', 'operator'],
            allowHistory: ['admin', 'operator'],
            channelPattern: `${NODE_STATS.slice(5)}|${ORG_STATS.slice(5)}`,
          },
          authorise: mayUseChannel,
          source: (request) =>
            request.channel === NODE_STATS ? sampler.openNode(request) : sampler.openOrg(request),
          lingerMs: tuning.lingerMs,
        },
      ],
      rpc: createRoutes(context, options, sampler),
      dispose: () => sampler.dispose(),
    };
  },
});
