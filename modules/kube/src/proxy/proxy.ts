/**
 * A way to the API of a cluster, `/clusters/<cluster>/…`: first lists and details for clients of the foreign wires, the questions by which they learn what to show, and, where an operator allows it, changes. The
 * cluster is asked in the caller's own name, after `Access` has allowed it.
 */
import type { Clock, Disposable, Logger, Random } from '@trunkline/base';
import type { RouteDescriptor, RouteRequest, RouteResponse } from '@trunkline/hub';
import { KubeError } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { Access, Audit } from '../ports.js';
import { sayError } from './answers.js';
import { resolveProxyOptions, type ProxyOptions } from './options.js';
import { read } from './reading.js';
import { UnderWay } from './under-way.js';
import { write, type WritingMethod } from './writing.js';

export type { ProxyOptions };

export interface ProxyDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly access: Access;
  /** Absent: nothing but reading is served, whatever clusters allow. */
  readonly audit?: Audit | undefined;
}

export interface Proxy extends Disposable {
  readonly routes: readonly RouteDescriptor[];
  /** Cuts off what is under way. */
  dispose(): void;
}

const WRITING: Readonly<Record<WritingMethod, string>> = {
  POST: "Creates in a cluster's API in the caller's own name, where the cluster takes changes; asks what the caller may do there.",
  PUT: "Replaces in a cluster's API in the caller's own name, where the cluster takes changes.",
  PATCH: "Patches in a cluster's API in the caller's own name, where the cluster takes changes.",
  DELETE: "Deletes in a cluster's API in the caller's own name, where the cluster takes changes.",
};

/** What API servers take; no page of elsewhere can send one of them unasked. */
const BODY_TYPES = [
  'application/json',
  'application/yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

/** Throws a RangeError that names a bad option. */
export function createProxy(
  { clock, random, logger, access, audit }: ProxyDeps,
  given?: Partial<ProxyOptions>,
): Proxy {
  const options = resolveProxyOptions(given);
  const underWay = new UnderWay(clock, options);
  const path = `${options.path}/:cluster/*rest`;
  const common = { path, scope: 'kube', anonymous: true } as const;
  return {
    dispose: () => underWay.dispose(),
    routes: [
      {
        ...common,
        method: 'GET',
        summary: "Reads from a cluster's API in the caller's own name.",
        handle: (request) => answered(request, () => read({ access, underWay }, options, request)),
      },
      ...(Object.keys(WRITING) as WritingMethod[]).map((method): RouteDescriptor => ({
        ...common,
        method,
        summary: WRITING[method],
        rawBody: { types: BODY_TYPES, maxBytes: options.maxBodyBytes },
        handle: (request: RouteRequest) =>
          answered(request, () =>
            write({ random, logger, access, underWay, audit }, options, method, request),
          ),
      })),
    ],
  };
}

async function answered(
  { signal }: RouteRequest,
  work: () => Promise<RouteResponse>,
): Promise<RouteResponse> {
  try {
    return await work();
  } catch (cause) {
    // Nobody reads it, and nothing went wrong here.
    if (signal.aborted && cause === signal.reason)
      return sayError(new KubeError('kubeConnectionLost', 'the caller went'));
    if (!(cause instanceof CodedError)) throw cause;
    return sayError(cause);
  }
}
