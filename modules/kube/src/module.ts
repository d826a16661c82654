/**
 * The module as the hub starts it: live Kubernetes lists. Many viewers share one upstream watch per question; who may see what is asked of the API server again every few seconds; a list says whether it
 * is live. Clusters are opened by the server (`createKube`); the module puts channels and methods in front of them.
 */
import { defineModule, type ModuleParts } from '@trunkline/hub';
import type { Kube } from './kube.js';
import { createLists } from './lists/lists.js';
import { createLogs } from './logs/logs.js';
import type { LogsOptions } from './logs/options.js';
import { createProxy, type ProxyOptions } from './proxy/proxy.js';
import { createRoutes, type Demo } from './routes.js';
import { createWindows, type WindowsOptions } from './windows/windows.js';
import type { Identify } from './wires/identify.js';
import type { WiresOptions } from './wires/options.js';
import { createWires } from './wires/wires.js';

export interface KubeModuleSetup {
  /** The caller disposes it after the hub. */
  readonly kube: Kube;
  /** Absent: there is no simulated cluster. */
  readonly demo?: Demo;
  /** Who a connection of a foreign wire belongs to. Absent: those wires are not served. */
  readonly identify?: Identify;
  readonly windows?: Partial<WindowsOptions>;
  readonly logs?: Partial<LogsOptions>;
  readonly wires?: Partial<WiresOptions>;
  readonly proxy?: Partial<ProxyOptions>;
}

/** Throws a RangeError that names a bad option. Disposing ends what was read; the clusters stay open until their owner disposes them. */
export const kubeModule = defineModule<KubeModuleSetup>({
  id: 'kube',
  start(context, { kube, demo, identify, ...options }): ModuleParts {
    const { clock, random, logger, nodeId } = context;
    const { access, upstreams, clusters, credentials, tuning } = kube;
    const lists = createLists({ clock, random, access, upstreams }, tuning);
    const logs = createLogs({ clock, random, logger, access }, options.logs);
    const windows = createWindows(
      { context, upstreams, access },
      { askAgainMs: tuning.askAgainMs, ...options.windows },
    );
    const proxy = createProxy({ clock, access }, options.proxy);
    const wires = identify && createWires({ clock, access, upstreams, identify }, options.wires);
    return {
      // Rights are the cluster's: an administrator of the org may have fewer than a viewer.
      namespaces: [...lists.namespaces, ...windows.namespaces, ...logs.namespaces].map((namespace) => ({
        ...namespace,
        confidential: true,
      })),
      rpc: {
        ...createRoutes({ nodeId, clusters, access, upstreams, lists, credentials, demo }, tuning),
        ...windows.rpc,
        ...logs.rpc,
      },
      routes: proxy.routes,
      endpoints: wires?.endpoints ?? [],
      dispose: async () => {
        proxy.dispose();
        await logs.dispose();
        await windows.dispose();
      },
    };
  },
});
