/** GET: first lists and details for clients of the foreign wires, in the caller's own name. */
import type { Principal, RouteRequest, RouteResponse } from '@trunkline/hub';
import { KubeError } from '@trunkline/kube-client';
import { canonicalFields, canonicalLabels, nameIn } from '../access/selected.js';
import type { Access, Sight } from '../ports.js';
import { pass } from './answers.js';
import type { ProxyOptions } from './options.js';
import { checkServed, pathOf, targetOf, type Target } from './target.js';
import type { UnderWay } from './under-way.js';
import { jsonOffers, readUnion } from './union.js';

export interface ReadingDeps {
  readonly access: Access;
  readonly underWay: UnderWay;
}

/** Throws a `CodedError`. */
export async function read(
  { access, underWay }: ReadingDeps,
  options: ProxyOptions,
  request: RouteRequest,
): Promise<RouteResponse> {
  const { principal } = request;
  const target = targetOf(request);
  const { own } = await access.enter(principal, target.cluster);
  checkServed(target);
  const accept = request.headers['accept'];
  const offers = jsonOffers(accept);
  // Before rights are asked about: that may be many questions.
  return underWay.run(principal, request.signal, async (passage) => {
    const sight = await look(access, principal, target, offers !== undefined);
    if (sight !== undefined && offers !== undefined)
      return readUnion({ own, target, sight, accept: offers }, options, passage);
    const answer = await own.request({
      path: pathOf(target.segments, target.query),
      headers: { accept: accept ?? 'application/json' },
      signal: passage.signal,
    });
    return pass(answer, options.maxAnswerBytes, passage.release);
  });
}

type Part = Sight & { readonly kind: 'namespaces' };

/** Undefined: it may be read as it is. Throws what `Access` throws. */
async function look(
  access: Access,
  principal: Principal,
  { cluster, query, about }: Target,
  canBePut: boolean,
): Promise<Part | undefined> {
  if (about === undefined) return undefined;
  const { group, version, resource, namespace, name, below } = about;
  const [subresource] = below;
  const asked = name ?? nameIn(query.get('fieldSelector') ?? undefined);
  try {
    await access.may(principal, cluster, {
      verb: name === undefined ? 'list' : 'get',
      group,
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(asked === undefined ? {} : { name: asked }),
    });
    return undefined;
  } catch (refusal) {
    const isWhole = name === undefined && namespace === undefined;
    if (!isForbidden(refusal) || !isWhole || !canBePut) throw refusal;
    const labelSelector = canonicalLabels(query.get('labelSelector') ?? undefined);
    const fieldSelector = canonicalFields(query.get('fieldSelector') ?? undefined);
    const question = {
      group,
      version,
      resource,
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
    // What is open in some namespaces is what the wires would show of it.
    const sight = await access.sight(principal, cluster, question).catch((cause: unknown) => {
      throw cause instanceof KubeError && cause.temporary ? cause : refusal;
    });
    if (sight.kind !== 'namespaces') throw refusal;
    return sight;
  }
}

function isForbidden(cause: unknown): boolean {
  return cause instanceof KubeError && cause.kind === 'kubeForbidden';
}
