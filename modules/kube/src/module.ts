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
import type { Audit } from './ports.js';
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
  /** Where it is noted what somebody did to a cluster. Absent: nothing but reading is served, whatever clusters allow. */
  readonly audit?: Audit;
  readonly windows?: Partial<WindowsOptions>;
  readonly logs?: Partial<LogsOptions>;
  readonly wires?: Partial<WiresOptions>;
  readonly proxy?: Partial<ProxyOptions>;
}

/** Throws a RangeError that names a bad option. Disposing ends what was read; the clusters stay open until their owner disposes them. */
export const kubeModule = defineModule<KubeModuleSetup>({
  id: 'kube',
  start(context, { kube, demo, identify, audit, ...options }): ModuleParts {
    const { clock, random, logger, nodeId } = context;
    const { access, upstreams, clusters, credentials, tuning } = kube;
    const lists = createLists({ clock, random, access, upstreams }, tuning);
    const logs = createLogs({ clock, random, logger, access, upstreams }, options.logs);
    const windows = createWindows(
      { context, upstreams, access },
      { askAgainMs: tuning.askAgainMs, ...options.windows },
    );
    const proxy = createProxy({ clock, random, logger, access, audit }, options.proxy);
    const wires =
      identify && createWires({ clock, logger, access, upstreams, identify, audit }, options.wires);
    return {
      // Rights are the cluster's: an administrator of the org may have fewer than a viewer.
      namespaces: [...lists.namespaces, ...windows.namespaces, ...logs.namespaces].map((namespace) => ({
        ...namespace,
        confidential: true,
      })),
      rpc: {
        ...createRoutes(
          { nodeId, clusters, access, upstreams, lists, credentials, demo, audited: audit !== undefined },
          tuning,
        ),
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
