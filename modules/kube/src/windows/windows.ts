/**
 * Live windows: the methods `kube.window`, `kube.windowState` and `kube.columns` and the namespace `kubewindow`. A call makes a window of a question and of the rights of who asks; whoever has the same
 * of both gets the same one. Rows are filtered, sorted and cut by the engine; this side decides who reads them.
 */
import type { Disposable } from '@trunkline/base';
import { paramsSchema } from '@trunkline/contracts';
import { kubeContract } from '@trunkline/contracts/kube';
import type {
  LocalSourceRequest,
  ModuleContext,
  ModuleNamespace,
  Principal,
  RpcMethod,
} from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import type { Access, Upstreams } from '../ports.js';
import { toQuery, windowId, wishesOf, type WindowParams } from './asking.js';
import { EngineLink } from './engine-link.js';
import type { StartEngine } from './engine-port.js';
import { startEngineThread } from './engine-thread.js';
import { windowColumns } from './engine/columns.js';
import { Feeds } from './feeds.js';
import { askColumns, readWindowColumns } from './kind-columns.js';
import type { FromEngine } from './messages.js';
import { OpenWindows } from './open-windows.js';
import { resolveWindowsOptions, type WindowsOptions } from './options.js';
import { Registry, type WindowRecord } from './registry.js';
import { findScopes, holdScopes, sourcesOf } from './scopes.js';

export { startEngineHere } from './engine-here.js';
export type { EngineHandlers, EnginePort, StartEngine } from './engine-port.js';
export { WINDOWS_DEFAULTS, type WindowsOptions } from './options.js';

const NAMESPACE = 'kubewindow';

type ColumnsParams = Parameters<typeof askColumns>[2];

export interface WindowsDeps {
  readonly context: Pick<ModuleContext, 'clock' | 'random' | 'logger'>;
  readonly upstreams: Pick<Upstreams, 'lease' | 'resolve' | 'columns'>;
  readonly access: Access;
  /** Default: a worker thread. */
  readonly startEngine?: StartEngine;
}

/** What this node does for windows, for those who watch it. */
export interface WindowsStats {
  readonly windows: number;
  readonly open: number;
  /** Lists that the engine holds. */
  readonly questions: number;
}

export interface WindowsParts {
  readonly namespaces: readonly ModuleNamespace[];
  readonly rpc: Readonly<Record<'kube.window' | 'kube.windowState' | 'kube.columns', RpcMethod>>;
  stats(): WindowsStats;
  dispose(): Promise<void>;
}

/** Throws a RangeError that names a bad option. Nothing is started before the first window is read. */
export function createWindows(deps: WindowsDeps, given?: Partial<WindowsOptions>): WindowsParts {
  const options = resolveWindowsOptions(given);
  const { access, upstreams, context } = deps;
  const { clock, random, logger } = context;
  const registry = new Registry(clock, options);
  const link = new EngineLink({
    clock,
    random,
    logger,
    start: deps.startEngine ?? startEngineThread({ logger }, options.engineMemoryMb),
    onMessage: (message) => receive(message),
    onLost: () => windows.onLost(),
    onRestarted: () => {
      feeds.restart();
      windows.restart();
    },
  });
  const { send } = link;
  const feeds = new Feeds({ clock, random, logger, upstreams, send }, options);
  const windows = new OpenWindows({ clock, feeds, send }, options);

  function receive(message: FromEngine): void {
    switch (message.kind) {
      case 'done':
        return feeds.done();
      case 'want':
        return feeds.want(message.table);
      case 'published':
        return windows.onPublished(message.items);
      case 'rows':
        return windows.onRows(message);
    }
  }

  /** Milliseconds for which it is known that they may read it; throws and undefined: no. `newcomer`: see `Access.sight`. */
  async function hold(
    principal: Principal,
    record: WindowRecord,
    newcomer: boolean,
  ): Promise<number | undefined> {
    registry.touch(record);
    return holdScopes(access, principal, record.scopes, newcomer);
  }

  const authorise: ModuleNamespace['authorise'] = async (principal, channel, action, stays = false) => {
    if (action === 'publish') return false;
    const recheckMs = await hold(principal, registry.find(principal.org, idOf(channel)), !stays);
    return recheckMs !== undefined && { allowed: true, recheckMs };
  };

  function open({ org, channel, emit }: LocalSourceRequest): Disposable {
    const record = registry.find(org, idOf(channel));
    const opened = windows.open(record.scopes.flatMap(sourcesOf), record.query, emit);
    record.open = opened;
    registry.touch(record);
    return {
      dispose: () => {
        if (record.open === opened) record.open = undefined;
        registry.touch(record);
        void opened.dispose();
      },
    };
  }

  async function ask(params: WindowParams, principal: Principal) {
    const { group, version, resource, labelSelector, fieldSelector, sources } = params;
    const kind = {
      resource,
      ...(group !== undefined && { group }),
      ...(version !== undefined && { version }),
    };
    const { scopes, denied } = await findScopes({ access, upstreams }, principal, {
      sources,
      kind,
      labelSelector,
      fieldSelector,
      maxQuestions: options.maxQuestions,
    });
    const [first] = scopes;
    const { rows } = first;
    const own = windowColumns(rows, sources.length > 1);
    const printed = await readWindowColumns({ clock, upstreams }, first, params, own);
    const shown = printed.flatMap(({ name, title, type, hidden }) =>
      hidden === true ? [] : [{ name, title, type }],
    );
    const query = toQuery(params, own, printed);
    const { org, user } = principal;
    const id = windowId(org, scopes, query);
    const wishes = wishesOf(query);
    registry.enter({ id, org, user, scopes, query, kind: `${rows.group}/${rows.resource}`, wishes });
    const isPart = denied.length > 0 || scopes.some(({ namespaces }) => namespaces !== undefined);
    return {
      channel: `${NAMESPACE}:${id}`,
      columns: [...own, ...shown],
      denied,
      ...(isPart ? { askAgainMs: options.askAgainMs } : {}),
    };
  }

  async function state(channel: string, principal: Principal) {
    const record = registry.find(principal.org, idOf(channel));
    if ((await hold(principal, record, true)) === undefined) throw new CodedError('permissionDenied');
    if (record.open === undefined)
      throw new CodedError(
        'sourceUnavailable',
        'the channel must be subscribed to before its state is asked for',
      );
    return record.open.state();
  }

  return {
    namespaces: [
      {
        options: {
          name: NAMESPACE,
          class: 'local',
          type: 'stream',
          overflow: 'recover',
          allowSubscribe: ['user', 'anonymous'],
          allowHistory: ['user', 'anonymous'],
          channelPattern: `[\\w-]{32}`,
        },
        authorise,
        source: open,
        lingerMs: options.lingerMs,
      },
    ],
    rpc: {
      'kube.window': {
        params: paramsSchema(kubeContract.rpc['kube.window']),
        handle: async (params, { principal }) => ({ result: await ask(params as WindowParams, principal) }),
      },
      'kube.columns': {
        params: paramsSchema(kubeContract.rpc['kube.columns']),
        handle: async (params, { principal }) => ({
          result: await askColumns({ access, upstreams }, principal, params as ColumnsParams),
        }),
      },
      'kube.windowState': {
        params: paramsSchema(kubeContract.rpc['kube.windowState']),
        handle: async (params, { principal }) => ({
          result: await state((params as { readonly channel: string }).channel, principal),
        }),
      },
    },
    stats: () => ({ windows: registry.size, open: windows.size, questions: feeds.size }),
    dispose: async () => {
      registry.dispose();
      windows.dispose();
      feeds.dispose();
      await link.dispose();
    },
  };
}

function idOf(channel: string): string {
  return channel.slice(NAMESPACE.length + 1);
}
