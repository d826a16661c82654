/**
 * Who may see what: the org's view of a cluster, then the rights that the API server gives the viewer. Upstream connections are shared, so every answer here counts for a few seconds
 * only, and whoever shows something asks again (see `ports.ts`).
 */
import type { Clock } from '@trunkline/base';
import type { Principal } from '@trunkline/hub';
import { KubeError, type AccessQuestion, type KubeQuestion } from '@trunkline/kube-client';
import { noCluster, type Clusters, type OpenCluster } from '../clusters/clusters.js';
import type { Way } from '../clusters/way.js';
import type { KubeTuning } from '../options.js';
import type { Access, Allowed, Sight, ViewedCluster } from '../ports.js';
import { standingOf, type CredentialsOf, type Standing } from './askers.js';
import { Reviews, type Verdict } from './reviews.js';
import { nameIn } from './selected.js';
import { forbidden } from './words.js';

export interface AccessDeps {
  readonly clock: Clock;
  readonly clusters: Clusters;
  /** Absent: nobody can leave credentials. */
  readonly credentials?: CredentialsOf | undefined;
}

/** An answer is good for at least this long, so that nobody asks in a loop. Milliseconds. */
const SHORTEST_MS = 50;

const CONFINED = 'the org is confined to other namespaces of this cluster';

interface Entered extends Standing {
  readonly confinedTo: readonly string[] | undefined;
  readonly allows: Allowed;
  readonly reviews: Reviews;
}

interface Looking extends Entered {
  readonly newcomer: boolean;
}

export class KubeAccess implements Access {
  readonly #deps: AccessDeps;
  readonly #tuning: KubeTuning;
  readonly #reviews = new WeakMap<Way, Reviews>();

  constructor(deps: AccessDeps, tuning: KubeTuning) {
    this.#deps = deps;
    this.#tuning = tuning;
  }

  async enter(principal: Principal, id: string): Promise<ViewedCluster> {
    const { identity, asker, confinedTo, allows } = await this.#enter(principal, id);
    return { id, upstream: identity, own: asker.cluster, confinedTo, allows };
  }

  /** The clusters that the org sees, by id. */
  async visible(
    org: string,
  ): Promise<
    readonly { readonly cluster: OpenCluster; readonly namespaces: readonly string[] | undefined }[]
  > {
    const found = await Promise.all(
      this.#deps.clusters
        .all()
        .map(async (cluster) => ({ cluster, scope: await cluster.options.visibleTo(org) })),
    );
    return found.flatMap(({ cluster, scope }) =>
      scope === undefined ? [] : [{ cluster, namespaces: scope.namespaces }],
    );
  }

  async sight(principal: Principal, id: string, question: KubeQuestion, newcomer = false): Promise<Sight> {
    const entered = { ...(await this.#enter(principal, id)), newcomer };
    const { namespace } = question;
    const { confinedTo, way } = entered;
    if (confinedTo !== undefined) {
      if (namespace !== undefined && !confinedTo.includes(namespace)) throw forbidden(CONFINED);
      if (namespace === undefined) {
        if (!(await way.kinds.resolve(question)).namespaced)
          throw forbidden('the org is confined to namespaces of this cluster, and this kind has none');
        return this.#among(entered, question, confinedTo, forbidden(CONFINED));
      }
    }
    const verdict = await this.#listAndWatch(entered, question, 0);
    if (verdict.allowed) return { kind: 'all', recheckMs: this.#left(verdict.untilMs) };
    const { error } = verdict;
    if (namespace !== undefined || error.kind !== 'kubeForbidden') throw error;
    if (!(await way.kinds.resolve(question)).namespaced) throw error;
    return this.#among(entered, question, await namesOr(way, error), error);
  }

  async may(
    principal: Principal,
    id: string,
    ask: Parameters<Access['may']>[2],
    newcomer = false,
  ): Promise<{ readonly recheckMs: number }> {
    const { confinedTo, reviews, asker } = await this.#enter(principal, id);
    // A namespace is itself an object of the cluster; to the API server it lies in itself.
    const own = ask.group === '' && ask.resource === 'namespaces' ? ask.name : undefined;
    const namespace = ask.namespace ?? own;
    if (confinedTo !== undefined && (namespace === undefined || !confinedTo.includes(namespace)))
      throw forbidden(CONFINED);
    const verdict = await reviews.ask(asker, ask, { newcomer });
    if (!verdict.allowed) throw verdict.error;
    return { recheckMs: this.#left(verdict.untilMs) };
  }

  // ------------------------------------------------------------ inside

  async #enter(principal: Principal, id: string): Promise<Entered> {
    const cluster = this.#deps.clusters.find(id);
    const scope = await cluster?.options.visibleTo(principal.org);
    // It may have been removed while the org's record was read.
    if (cluster === undefined || scope === undefined || this.#deps.clusters.find(id) !== cluster)
      throw noCluster();
    const standing = await standingOf(cluster, principal, this.#deps.credentials);
    cluster.reach.touch();
    const { writes = false, exec = false } = cluster.options;
    return {
      ...standing,
      confinedTo: scope.namespaces,
      allows: { writes, exec },
      reviews: this.#reviewsOf(standing.way),
    };
  }

  #reviewsOf(way: Way): Reviews {
    const found =
      this.#reviews.get(way) ??
      new Reviews({ clock: this.#deps.clock, doubt: way.doubt, readiness: way.readiness }, this.#tuning);
    this.#reviews.set(way, found);
    return found;
  }

  /** Both are needed; a question about one name is judged like a request for that object. */
  async #listAndWatch(
    { reviews, asker, newcomer }: Looking,
    question: KubeQuestion,
    deniedTtlMs: number,
  ): Promise<Verdict> {
    const { group, resource, namespace } = question;
    const name = nameIn(question.fieldSelector);
    const about: Omit<AccessQuestion, 'verb'> = {
      group,
      resource,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
    };
    const [list, watch] = await Promise.all(
      ['list', 'watch'].map((verb) => reviews.ask(asker, { verb, ...about }, { deniedTtlMs, newcomer })),
    );
    if (list === undefined || watch === undefined || !list.allowed) return list as Verdict;
    return watch.allowed ? { allowed: true, untilMs: Math.min(list.untilMs, watch.untilMs) } : watch;
  }

  /** Those of the namespaces in which it may be seen; throws `refusal` where there are none. */
  async #among(
    entered: Looking,
    question: KubeQuestion,
    candidates: readonly string[],
    refusal: KubeError,
  ): Promise<Sight> {
    const { maxNamespaces, deniedTtlMs } = this.#tuning;
    const asked = candidates.slice(0, maxNamespaces);
    const open = new Map<string, number>();
    const look = async (namespace: string): Promise<void> => {
      const verdict = await this.#listAndWatch(entered, { ...question, namespace }, deniedTtlMs);
      if (verdict.allowed) open.set(namespace, verdict.untilMs);
    };
    await Promise.all(asked.map((namespace) => entered.reviews.slots.run(() => look(namespace))));
    if (open.size === 0) throw refusal;
    const cut =
      asked.length < candidates.length ? ` (the first ${maxNamespaces} namespaces were looked through)` : '';
    return {
      kind: 'namespaces',
      namespaces: asked.filter((namespace) => open.has(namespace)),
      reason: `${refusal.message}${cut}`,
      recheckMs: this.#left(Math.min(...open.values())),
    };
  }

  #left(untilMs: number): number {
    return Math.max(SHORTEST_MS, untilMs - this.#deps.clock.monotonic());
  }
}

/** Where the names cannot be read either, the first refusal is the one to tell. */
async function namesOr({ kinds }: Way, refusal: KubeError): Promise<readonly string[]> {
  try {
    return await kinds.namespaces();
  } catch (cause) {
    if (cause instanceof KubeError && !cause.temporary) throw refusal;
    throw cause;
  }
}
