/** From a wish ("pods of these namespaces") to the channels that hold it, as far as the caller may see it: what is refused is said, not left out. */
import type { RpcParams, RpcResultOf } from '@trunkline/contracts';
import type { KubeContract } from '@trunkline/contracts/kube';
import type { Principal } from '@trunkline/hub';
import type { KubeQuestion, ResourceInfo } from '@trunkline/kube-client';
import { CodedError, ERROR_CODES } from '@trunkline/protocol';
import { formatListName, toListName } from './lists/names.js';
import type { KubeTuning } from './options.js';
import type { Access, Upstreams, ViewedCluster } from './ports.js';

type Wish = RpcParams<KubeContract, 'kube.open'>;
type Opened = RpcResultOf<KubeContract, 'kube.open'>;

export interface OpeningDeps {
  readonly access: Access;
  readonly upstreams: Pick<Upstreams, 'resolve'>;
}

/** Throws what `Access` throws where nothing of it may be seen, `badRequest` for a wish that does not fit its kind, and `kubeQuestionTooLong`. */
export async function open(
  { access, upstreams }: OpeningDeps,
  tuning: KubeTuning,
  principal: Principal,
  wish: Wish,
): Promise<Opened> {
  const { cluster, namespaces } = wish;
  const viewed = await access.enter(principal, cluster);
  const info = await upstreams.resolve(cluster, viewed.upstream, toKind(wish));
  const question = toQuestion(info, wish);
  const toChannel = (of: KubeQuestion): string => nameOf(viewed, wish, of, tuning.maxChannelLength);
  // Before anything is asked about rights: it does not depend on them.
  toChannel(question);
  if (namespaces === undefined || namespaces.length === 1) {
    const [namespace] = namespaces ?? [];
    const whole = { ...question, ...(namespace === undefined ? {} : { namespace }) };
    const sight = await access.sight(principal, cluster, whole);
    if (sight.kind === 'all')
      return done(tuning, [{ channel: toChannel(whole), ...(namespace === undefined ? {} : { namespace }) }]);
    const shown = sight.namespaces.slice(0, tuning.maxOpened);
    const code = shown.length < sight.namespaces.length ? ERROR_CODES.limitExceeded.code : undefined;
    return done(
      tuning,
      shown.map((one) => ({ channel: toChannel({ ...question, namespace: one }), namespace: one })),
      code === undefined
        ? []
        : [{ code, reason: `only ${shown.length} of ${sight.namespaces.length} namespaces` }],
    );
  }
  const wanted = [...new Set(namespaces)].sort();
  const denied = new Map<string, CodedError>();
  const ask = async (namespace: string): Promise<void> => {
    try {
      await access.sight(principal, cluster, { ...question, namespace });
    } catch (cause) {
      if (!(cause instanceof CodedError) || cause.temporary) throw cause;
      denied.set(namespace, cause);
    }
  };
  await Promise.all(wanted.map(ask));
  return done(
    tuning,
    wanted
      .filter((namespace) => !denied.has(namespace))
      .map((namespace) => ({ channel: toChannel({ ...question, namespace }), namespace })),
    [...denied].map(([namespace, { code, message }]) => ({ namespace, code, reason: message })),
  );
}

function done({ askAgainMs }: KubeTuning, lists: Opened['lists'], denied: Opened['denied'] = []): Opened {
  return { lists, denied, askAgainMs };
}

function toKind({ group, version, resource }: Wish): Parameters<Upstreams['resolve']>[2] {
  return {
    resource,
    ...(group === undefined ? {} : { group }),
    ...(version === undefined ? {} : { version }),
  };
}

/** Without a namespace. */
function toQuestion(
  info: ResourceInfo,
  { namespaces, name, labelSelector, fieldSelector }: Wish,
): KubeQuestion {
  const { group, version, resource, namespaced, verbs } = info;
  if (!verbs.includes('list') || !verbs.includes('watch'))
    throw new CodedError('badRequest', `resource: ${resource} cannot be listed and watched`);
  if (!namespaced && namespaces !== undefined)
    throw new CodedError('badRequest', `namespaces: ${resource} have none`);
  if (namespaced && name !== undefined && namespaces?.length !== 1)
    throw new CodedError('badRequest', 'namespaces: one is needed with name');
  const selectors = [fieldSelector, name === undefined ? undefined : `metadata.name=${escapeField(name)}`];
  const fields = selectors.filter((text) => text !== undefined && text.trim() !== '').join(',');
  return {
    group,
    version,
    resource,
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fields === '' ? {} : { fieldSelector: fields }),
  };
}

function escapeField(value: string): string {
  return value.replace(/[\\,=]/g, '\\$&');
}

function nameOf(
  { upstream, id }: ViewedCluster,
  { fields }: Wish,
  question: KubeQuestion,
  maxLength: number,
): string {
  const name = toListName({
    cluster: id,
    question,
    ...(fields === undefined ? {} : { fields }),
    ...(upstream.kind === 'server' ? {} : { credential: upstream.id }),
  });
  return formatListName(name, maxLength);
}
