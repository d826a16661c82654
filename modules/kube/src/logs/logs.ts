/**
 * Logs of containers as channels (`kubelog`): whoever may read a log reads it from one stream that all share. A channel says where its readers begin; behind channels that differ in that
 * alone stands one follower. Logs are read in the name of one of those who read them now.
 */
import { paramsSchema, type RpcParams } from '@trunkline/contracts';
import { kubeContract, type KubeContract } from '@trunkline/contracts/kube';
import type { Clock, Disposable, Logger, Random } from '@trunkline/base';
import type { ModuleNamespace, Principal, RpcMethod } from '@trunkline/hub';
import { KubeError, type KubeCluster } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { Access, DoubtListener, Identity, Upstreams, ViewedCluster } from '../ports.js';
import { Follower } from './follower.js';
import { HeldLog } from './held-log.js';
import { LogChannel } from './log-channel.js';
import {
  formatLogName,
  LOG_NAMESPACE,
  parseLogName,
  placeKey,
  type LogName,
  type LogPlace,
} from './names.js';
import { resolveLogsOptions, type LogsOptions } from './options.js';

export interface LogsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly access: Access;
  readonly upstreams: Pick<Upstreams, 'doubt'>;
}

export interface Logs extends Disposable {
  readonly namespaces: readonly ModuleNamespace[];
  readonly rpc: Readonly<Record<string, RpcMethod>>;
}

/** Readers that were let in lately; more than can be followed at once, since some never subscribe. */
const READERS_MAX = 10_000;
const PODS = { group: '', version: 'v1', resource: 'pods' };

/** Throws a RangeError that names a bad option. Disposing ends every stream. */
export function createLogs(deps: LogsDeps, given?: Partial<LogsOptions>): Logs {
  const options = resolveLogsOptions(given);
  const { clock, access, upstreams } = deps;
  const followers = new Map<string, Follower>();
  /** Who was let in to a log last. */
  const readers = new Map<string, Principal>();

  const mayRead = (
    principal: Principal,
    { cluster, namespace, pod }: Pick<LogPlace, 'cluster' | 'namespace' | 'pod'>,
    newcomer = false,
  ) => {
    const ask = { verb: 'get', group: '', resource: 'pods', subresource: 'log', namespace, name: pod };
    return access.may(principal, cluster, ask, newcomer);
  };

  const authorise: ModuleNamespace['authorise'] = async (principal, channel, action, stays = false) => {
    const name = parseLogName(channel);
    if (name === undefined || (action !== 'subscribe' && action !== 'history')) return false;
    const { upstream } = await access.enter(principal, name.cluster);
    // The name of a channel opens nothing: it must be the way that this viewer is given.
    if (credentialOf(upstream) !== name.credential) return false;
    const { recheckMs } = await mayRead(principal, name, !stays);
    note(placeKey(name), principal);
    return { allowed: true, recheckMs };
  };

  const note = (key: string, principal: Principal): void => {
    readers.delete(key);
    readers.set(key, principal);
    if (readers.size <= READERS_MAX) return;
    for (const oldest of readers.keys()) {
      readers.delete(oldest);
      return;
    }
  };

  /** In the name of a reader who may still read it. One who may not is forgotten: others say within seconds that they are there. */
  const openFor = async (place: LogPlace): Promise<Pick<KubeCluster, 'logs'>> => {
    const key = placeKey(place);
    const principal = readers.get(key);
    if (principal === undefined) throw new CodedError('sourceUnavailable', 'nobody is known who may read it');
    try {
      const { own } = await access.enter(principal, place.cluster);
      await mayRead(principal, place);
      return own;
    } catch (cause) {
      if (cause instanceof CodedError && cause.temporary) throw cause;
      if (readers.get(key) === principal) readers.delete(key);
      throw new CodedError(
        'sourceUnavailable',
        'the log was read in the name of somebody who may not any more',
        {
          cause,
        },
      );
    }
  };

  const followerOf = (place: LogPlace): Follower => {
    const key = placeKey(place);
    const known = followers.get(key);
    if (known !== undefined) return known;
    if (followers.size >= options.maxFollowed) throw new CodedError('limitExceeded', 'maxFollowed');
    const follower = new Follower({ ...deps, open: () => openFor(place) }, options, place);
    followers.set(key, follower);
    return follower;
  };

  const leave = (place: LogPlace, follower: Follower): void => {
    if (follower.readers > 0) return;
    follower.dispose();
    const key = placeKey(place);
    if (followers.get(key) === follower) followers.delete(key);
  };

  return {
    namespaces: [
      {
        options: {
          name: LOG_NAMESPACE,
          class: 'local',
          type: 'stream',
          historySize: options.keptPublications,
          // The module's own rule says more: anonymous clients are let in by clusters of mode `shared` alone.
          allowSubscribe: ['user', 'anonymous'],
          allowHistory: ['user', 'anonymous'],
        },
        authorise,
        lingerMs: options.lingerMs,
        source: ({ channel, emit }) => {
          const name = parseLogName(channel);
          // Nobody was let in under such a name.
          if (name === undefined) throw new CodedError('unknownChannel');
          const follower = followerOf(name);
          const doubt = (listener: DoubtListener) =>
            upstreams.doubt(name.cluster, identityOf(name), listener);
          const log = new HeldLog({ ...deps, doubt }, options, new LogChannel(clock, options, emit));
          const end = follower.join(log, name);
          return {
            dispose: () => {
              log.dispose();
              end();
              leave(name, follower);
            },
          };
        },
      },
    ],
    rpc: {
      'kube.log': {
        params: paramsSchema(kubeContract.rpc['kube.log']),
        handle: async (params, { principal }) => {
          const asked = params as RpcParams<KubeContract, 'kube.log'>;
          const viewed = await access.enter(principal, asked.cluster);
          // Before anything is said of the pod.
          await mayRead(principal, asked);
          const name = await toName(viewed, asked, options.defaultTail);
          return { result: { channel: formatLogName(name, options.maxChannelLength) } };
        },
      },
    },
    dispose: () => {
      for (const follower of followers.values()) follower.dispose();
      followers.clear();
      readers.clear();
    },
  };
}

/** A container that is not named is looked for, so that the log has one name whoever asks. */
async function toName(
  { own, upstream }: ViewedCluster,
  asked: RpcParams<KubeContract, 'kube.log'>,
  defaultTail: number,
): Promise<LogName> {
  const { cluster, namespace, pod, container, tail, sinceSeconds, previous } = asked;
  const credential = credentialOf(upstream);
  return {
    cluster,
    namespace,
    pod,
    container: container ?? (await onlyContainer(own, namespace, pod)),
    previous: previous === true,
    tail: tail ?? defaultTail,
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(credential === undefined ? {} : { credential }),
  };
}

/** Empty where the pod may not be read: the API server will say whether it has just one. */
async function onlyContainer(own: KubeCluster, namespace: string, pod: string): Promise<string> {
  try {
    const { value } = await own.get({ ...PODS, namespace }, pod);
    const { containers } = (value['spec'] ?? {}) as {
      readonly containers?: readonly { readonly name: string }[];
    };
    const names = (containers ?? []).map(({ name }) => name);
    if (names.length === 1) return names[0] as string;
    throw new CodedError('badRequest', `container: the pod has several: ${names.join(', ')}`);
  } catch (cause) {
    if (cause instanceof KubeError && cause.kind === 'kubeForbidden') return '';
    throw cause;
  }
}

function identityOf({ credential }: LogPlace): Identity {
  return credential === undefined ? { kind: 'server' } : { kind: 'credential', id: credential };
}

function credentialOf(identity: Identity): string | undefined {
  return identity.kind === 'credential' ? identity.id : undefined;
}
