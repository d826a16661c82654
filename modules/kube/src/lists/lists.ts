/**
 * The namespace of lists: names are read, viewers are let in for as long as their rights are known, and a channel with readers has a feed. Who may subscribe is decided for each viewer;
 * what is shown is the same for all who may.
 */
import type { Clock, Disposable, Random } from '@trunkline/base';
import type { ModuleNamespace } from '@trunkline/hub';
import type { ReflectorView } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { KubeTuning } from '../options.js';
import type { Access, Identity, Upstreams } from '../ports.js';
import { forbidden } from '../access/words.js';
import { ListFeed } from './feed.js';
import { KUBE_NAMESPACE, parseListName, type ListName } from './names.js';
import { createTexts } from './texts.js';

export interface ListsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly access: Access;
  readonly upstreams: Upstreams;
}

/** One channel that is open now. */
export interface OpenedList {
  readonly org: string;
  readonly name: ListName;
  readonly view: ReflectorView | undefined;
}

export interface Lists {
  readonly namespaces: readonly ModuleNamespace[];
  /** Of one org: what its own readers keep open. */
  opened(org: string): readonly OpenedList[];
}

export function createLists(deps: ListsDeps, tuning: KubeTuning): Lists {
  const { clock, random, access, upstreams } = deps;
  const texts = createTexts();
  /** By org and channel. */
  const open = new Map<string, Map<string, { readonly name: ListName; readonly feed: ListFeed }>>();
  const requireRoom = (org: string, channel: string): void => {
    const ofOrg = open.get(org);
    if (ofOrg !== undefined && !ofOrg.has(channel) && ofOrg.size >= tuning.maxListsPerOrg)
      throw new CodedError('limitExceeded', 'maxListsPerOrg');
  };

  const authorise: ModuleNamespace['authorise'] = async (principal, channel, action, stays = false) => {
    if (action !== 'subscribe') return false;
    const name = parseListName(channel, tuning.maxChannelLength);
    if (name === undefined) return false;
    const { upstream } = await access.enter(principal, name.cluster);
    // The name of a channel opens nothing: it must be the way that this viewer is given.
    if (!isSame(upstream, identityOf(name))) return false;
    const sight = await access.sight(principal, name.cluster, name.question, !stays);
    if (sight.kind !== 'all') throw forbidden(sight.reason);
    requireRoom(principal.org, channel);
    return { allowed: true, recheckMs: sight.recheckMs };
  };

  return {
    namespaces: [
      {
        options: {
          name: KUBE_NAMESPACE,
          class: 'local',
          type: 'map',
          overflow: 'recover',
          // The module's own rule says more: anonymous clients are let in by clusters of mode `shared` alone.
          allowSubscribe: ['user', 'anonymous'],
          allowDelta: ['fossil'],
          map: {
            mode: 'persistent',
            keyTtlMs: 0,
            streamSize: tuning.keptChanges,
            streamTtlMs: 0,
            clientKey: 'none',
            maxKeys: tuning.maxObjects,
          },
        },
        authorise,
        lingerMs: tuning.lingerMs / 2,
        mapSource: async ({ org, channel, emit }): Promise<Disposable> => {
          const name = parseListName(channel, tuning.maxChannelLength);
          // Nobody was let in under such a name.
          if (name === undefined) throw new CodedError('unknownChannel');
          const feed = new ListFeed(
            { clock, random, upstreams, frameMs: tuning.frameMs },
            {
              cluster: name.cluster,
              identity: identityOf(name),
              question: name.question,
              toText: texts.of(name.fields),
              isCut: name.fields !== undefined,
            },
            emit,
          );
          const entry = { name, feed };
          const ofOrg = open.get(org) ?? new Map<string, typeof entry>();
          open.set(org, ofOrg.set(channel, entry));
          await feed.ready;
          return {
            dispose: () => {
              feed.dispose();
              // The next opening of the same channel may be there already.
              if (ofOrg.get(channel) === entry) ofOrg.delete(channel);
              if (ofOrg.size === 0 && open.get(org) === ofOrg) open.delete(org);
            },
          };
        },
      },
    ],
    opened: (org) =>
      [...(open.get(org)?.values() ?? [])].map(({ name, feed }) => ({ org, name, view: feed.view })),
  };
}

function identityOf({ credential }: ListName): Identity {
  return credential === undefined ? { kind: 'server' } : { kind: 'credential', id: credential };
}

function isSame(left: Identity, right: Identity): boolean {
  return left.kind === 'server' || right.kind === 'server' ? left.kind === right.kind : left.id === right.id;
}
