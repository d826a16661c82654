/**
 * POST, PUT, PATCH and DELETE, where an operator allows them: in the caller's own name, by their own rights, and in the audit log before the cluster is asked. Nothing is asked a second time, and what was asked
 * is not called back because its caller went: the log shall say what became of it.
 */
import type { Logger, Random } from '@trunkline/base';
import type { Principal, RouteRequest, RouteResponse } from '@trunkline/hub';
import { KubeError } from '@trunkline/kube-client';
import { forbidden } from '../access/words.js';
import type { Access, Audit, ViewedCluster } from '../ports.js';
import type { ApiPath } from '../wires/api-path.js';
import { pass, sayNotAllowed } from './answers.js';
import type { ProxyOptions } from './options.js';
import { particularsOf, Records, type RecordsDeps } from './records.js';
import { reviewOf, review } from './reviews.js';
import { checkServed, pathOf, targetOf, type Target } from './target.js';
import type { Passage, UnderWay } from './under-way.js';

export type WritingMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface WritingDeps {
  readonly random: Random;
  readonly logger: Logger;
  readonly access: Access;
  readonly underWay: UnderWay;
  /** Absent: nothing is written. */
  readonly audit?: Audit | undefined;
}

/** Throws a `CodedError`. */
export async function write(
  { random, logger, access, underWay, audit }: WritingDeps,
  options: ProxyOptions,
  method: WritingMethod,
  request: RouteRequest,
): Promise<RouteResponse> {
  const { principal } = request;
  const target = targetOf(request);
  const viewed = await access.enter(principal, target.cluster);
  checkServed(target);
  // An object without its name would be all of them.
  if (request.params['rest']?.endsWith('/') === true)
    throw new KubeError('kubeRefused', 'path: ends with a slash');
  const { about } = target;
  const { writes, exec } = viewed.allows;
  const mayDo = audit !== undefined && principal.user !== '';
  const asked = method === 'POST' ? reviewOf(about) : undefined;
  if (asked !== undefined) {
    const doing = { writes: writes && mayDo, exec: exec && mayDo };
    return underWay.run(principal, request.signal, (passage) =>
      review({ viewed, target, asked, doing }, request, options.maxAnswerBytes, passage),
    );
  }
  if (!writes)
    return sayNotAllowed('nothing but reading is passed on to this cluster (kube.clusters[].writes)');
  if (audit === undefined)
    return sayNotAllowed(
      'nothing but reading is passed on by a server without an audit log (kube.clusters[].writes)',
    );
  if (principal.user === '') throw forbidden('an anonymous user changes nothing');
  if (about === undefined) return sayNotAllowed('this path is not that of an object or a list');
  // Without the caller's signal: only the body of the answer needs a reader.
  return underWay.run(principal, undefined, async (passage) => {
    const verb = await mayChange(access, principal, viewed, about, method);
    request.signal.throwIfAborted();
    return send({ random, logger, audit, passage }, options, { method, verb, target, viewed }, request);
  });
}

const VERBS = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const;

/** The verb of Kubernetes, if it is allowed. Throws what `Access` throws; an answer of earlier does not count. */
async function mayChange(
  access: Access,
  principal: Principal,
  { id, confinedTo }: ViewedCluster,
  { group, resource, namespace, name, below }: ApiPath,
  method: WritingMethod,
): Promise<string> {
  const verb = method === 'DELETE' && name === undefined ? 'deletecollection' : VERBS[method];
  // `Access` lets a confined org at its namespaces themselves, to read them.
  if (confinedTo !== undefined && (namespace === undefined || !confinedTo.includes(namespace)))
    throw forbidden('the org is confined to namespaces of this cluster, and changes nothing beside them');
  const [subresource] = below;
  const ask = {
    verb,
    group,
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
  await access.may(principal, id, ask, true);
  return verb;
}

interface Sending {
  readonly method: WritingMethod;
  readonly verb: string;
  readonly target: Target;
  readonly viewed: ViewedCluster;
}

async function send(
  { passage, ...deps }: RecordsDeps & { readonly passage: Passage },
  options: ProxyOptions,
  { method, verb, target, viewed }: Sending,
  request: RouteRequest,
): Promise<RouteResponse> {
  const { principal, body, headers } = request;
  const records = new Records(deps, {
    principal,
    action: 'kube.written',
    cluster: viewed.id,
    path: `/${target.segments.join('/')}`,
    verb,
    requestId: request.requestId,
    address: request.remoteAddress ?? '',
  });
  await records.before(particularsOf(method, target, request));
  const type = headers['content-type'];
  const accept = headers['accept'] ?? 'application/json';
  const answer = await records.outcomeOf(
    viewed.own.request({
      method,
      path: pathOf(target.segments, target.query),
      signal: passage.signal,
      ...(body instanceof Uint8Array
        ? { body, headers: { accept, ...(type === undefined ? {} : { 'content-type': type }) } }
        : { headers: { accept } }),
    }),
  );
  const onGone = (): void => {
    answer.discard();
    passage.release();
  };
  if (request.signal.aborted) onGone();
  else request.signal.addEventListener('abort', onGone, { once: true });
  return pass(answer, options.maxAnswerBytes, passage.release);
}
