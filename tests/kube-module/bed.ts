/**
 * A hub with the module and viewers of the native wire, in front of an API server that the caller has started, simulated or real. Every cluster is reached through a line of its own that can break; what viewers
 * have is compared with what the API server answers the administrator, or the viewer whom the administrator impersonates.
 */
import { isDeepStrictEqual } from 'node:util';
import { createSystemRandom, DisposeStack, silentLogger } from '@trunkline/base';
import { createMemoryBroker } from '@trunkline/broker';
import { createHub, type Hub } from '@trunkline/hub';
import { testAuthenticator, testPrincipal } from '@trunkline/hub/testing';
import { givenCredential, type KubeCluster, type KubeConnection } from '@trunkline/kube-client';
import {
  createKube,
  kubeModule,
  type Audit,
  type ClusterMode,
  type ClusterOptions,
  type Kube,
  type KubeDeps,
  type KubeTuning,
} from '@trunkline/module-kube';
import { MapViewer, type Watched } from '@trunkline/module-kube/testing';
import { clock, startProxy, until, type FaultProxy } from '@trunkline/testkit';
import { connect } from '../kube-client/bed.js';
import { configMap, configMaps, fresh, made } from '../kube/drafts.js';
import { tokenOf, type KubeTarget, type USERS } from '../kube/targets.js';

export const CONFIG_MAPS = { group: '', version: 'v1', resource: 'configmaps' };
/** The list of all config maps of the first cluster. */
export const LIST = 'kube:c1/-/v1/configmaps';
/** As long as a machine may take that has much else to do; only failures wait for it. */
export const PATIENCE_MS = 40_000;

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const RBAC_GROUP = 'rbac.authorization.k8s.io';
/** Short waits, so that what takes a minute in life takes a second here. */
const QUICK = { retryMinMs: 20, retryMaxMs: 500, refusedMinMs: 100, refusedMaxMs: 500, healthyAfterMs: 100 };

export interface BedOptions {
  readonly tuning?: Partial<KubeTuning>;
  /** Of all reflectors; over the short waits. */
  readonly reflector?: NonNullable<KubeTuning['reflectors']['reflector']>;
  /** Default: one, `c1`. All are the same API server. */
  readonly clusters?: readonly (Partial<ClusterOptions> & { readonly id: string })[];
  /** Whose token the connection has. Default `gateway`, who may impersonate. */
  readonly as?: keyof typeof USERS;
  readonly credentials?: KubeDeps['credentials'];
  /** Default: none, and nothing is written. */
  readonly audit?: Audit;
}

export interface Bed {
  readonly target: KubeTarget;
  readonly hub: Hub;
  readonly kube: Kube;
  readonly admin: KubeCluster;
  /** From the module to the API server, by cluster. */
  line(cluster?: string): FaultProxy;
  viewer(user: string, groups?: readonly string[], org?: string): Promise<MapViewer>;
  dispose(): Promise<void>;
}

export async function startBed(target: KubeTarget, options: BedOptions = {}): Promise<Bed> {
  const {
    clusters = [{ id: 'c1' }],
    tuning = {},
    reflector = {},
    as = 'gateway',
    credentials,
    audit,
  } = options;
  const stack = new DisposeStack();
  const random = createSystemRandom();
  const lines = new Map<string, FaultProxy>();
  for (const { id } of clusters) lines.set(id, stack.use(await startProxy(portOf(target))));
  const line = (cluster = 'c1'): FaultProxy => lines.get(cluster) as FaultProxy;
  const open = (id: string): KubeConnection => ({
    server: target.place.url.replace(/:\d+$/, `:${line(id).port}`),
    ...(target.place.ca === undefined ? {} : { ca: target.place.ca }),
    credentials: givenCredential({ token: tokenOf(as) }),
  });
  const mode: ClusterMode = 'impersonate';
  const deps = { clock, random, logger: silentLogger };
  const kube = stack.use(
    createKube(credentials === undefined ? deps : { ...deps, credentials }, {
      ...tuning,
      clusters: clusters.map((given) => ({
        mode,
        open: () => open(given.id),
        visibleTo: (org: string) => (org === 'acme' ? {} : undefined),
        ...given,
      })),
      reflectors: { ...tuning.reflectors, reflector: { ...QUICK, ...reflector } },
    }),
  );
  const hub = stack.use(
    createHub({ ...deps, broker: createMemoryBroker(deps), authenticator: testAuthenticator }),
  );
  await hub.use(kubeModule(audit === undefined ? { kube } : { kube, audit }));
  return {
    target,
    hub,
    kube,
    admin: stack.use(connect(target.place, tokenOf('admin'))),
    line,
    viewer: async (user, groups = [], org = 'acme') => {
      const viewer = new MapViewer(hub);
      await viewer.connect(testPrincipal({ user, groups, org }));
      return viewer;
    },
    dispose: async () => stack.dispose(),
  };
}

function portOf({ place }: KubeTarget): number {
  return Number(new URL(place.url).port);
}

// ------------------------------------------------------------ rights

export interface RoleRule {
  readonly verbs: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
}

export const SEE: readonly string[] = ['get', 'list', 'watch'];

/** The right that a connection of mode `impersonate` needs: to act as users, and to read what lists show. */
export async function allowGateway({ api }: KubeTarget): Promise<void> {
  await bind(
    api,
    ['User', 'gateway'],
    [
      { verbs: ['impersonate'], resources: ['users', 'groups'] },
      { verbs: SEE, resources: ['configmaps', 'namespaces', 'pods', 'secrets'] },
    ],
  );
}

/** A role and its binding, everywhere or in a namespace. Resolves with what takes the binding away. */
export async function bind(
  api: KubeTarget['api'],
  [kind, name]: readonly [kind: 'User' | 'Group', name: string],
  rules: readonly RoleRule[],
  namespace?: string,
): Promise<() => Promise<void>> {
  const role = fresh('role');
  const [scope, prefix] = namespace === undefined ? ['', 'cluster'] : [`/namespaces/${namespace}`, ''];
  await made(api, `${RBAC}${scope}/${prefix}roles`, {
    metadata: { name: role },
    rules: rules.map((rule) => ({ apiGroups: [''], ...rule })),
  });
  const bindings = `${RBAC}${scope}/${prefix}rolebindings`;
  await made(api, bindings, {
    metadata: { name: role },
    roleRef: { apiGroup: RBAC_GROUP, kind: namespace === undefined ? 'ClusterRole' : 'Role', name: role },
    subjects: [{ apiGroup: RBAC_GROUP, kind, name }],
  });
  return async () => void (await api.delete(`${bindings}/${role}`));
}

/** Lets a group of org `acme` see config maps. */
export function allow(bed: Bed, group: string, namespace?: string): Promise<() => Promise<void>> {
  const rules = [{ verbs: SEE, resources: ['configmaps'] }];
  return bind(bed.target.api, ['Group', `acme:${group}`], rules, namespace);
}

/** Resolves when the API server has taken note of a role: it looks at new ones a moment after it stored them. */
export async function mayList(
  bed: Bed,
  user: string,
  groups: readonly string[],
  namespace?: string,
): Promise<void> {
  await until(
    `${user} may list`,
    async () => (await listedAs(bed, user, groups, { namespace })).code === 200,
    PATIENCE_MS,
  );
}

// ------------------------------------------------------------ objects

let changes = 0;

/** Creates it, or changes it where it is. */
export async function put({ target }: Pick<Bed, 'target'>, namespace: string, name: string): Promise<void> {
  const data = { change: String(++changes).padStart(6, '0') };
  const path = configMaps(namespace);
  const { code } = await target.api.patch(`${path}/${name}`, 'merge-patch', { data });
  if (code === 404) await made(target.api, path, configMap(name, {}, data));
}

export async function remove(
  { target }: Pick<Bed, 'target'>,
  namespace: string,
  name: string,
): Promise<void> {
  await target.api.delete(`${configMaps(namespace)}/${name}`);
}

/** What a fresh list has, by key. */
export async function truth(
  { admin }: Bed,
  namespace?: string,
  resource = 'configmaps',
): Promise<Map<string, unknown>> {
  const question = { ...CONFIG_MAPS, resource, ...(namespace === undefined ? {} : { namespace }) };
  const { items } = await admin.list(question);
  return new Map(items.map((item) => [item.key, item.value]));
}

/** What the API server answers a user who lists and then watches: code 200, or the first refusal and its words. */
export async function listedAs(
  { target }: Pick<Bed, 'target'>,
  user: string,
  groups: readonly string[],
  {
    namespace,
    name,
    resource = 'configmaps',
  }: { readonly namespace?: string | undefined; readonly name?: string; readonly resource?: string } = {},
): Promise<{ readonly code: number; readonly words: string; readonly keys: readonly string[] }> {
  const headers = {
    'impersonate-user': user,
    ...(groups.length === 0 ? {} : { 'impersonate-group': groups.map((group) => `acme:${group}`) }),
  };
  const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const selector = name === undefined ? '' : `?fieldSelector=metadata.name%3D${name}`;
  const path = `/api/v1${scope}/${resource}${selector}`;
  const list = await target.api.get(path, headers);
  const watch = await target.api.watch(path, headers);
  watch.close();
  if (list.code !== 200) return { code: list.code, words: String(list.doc['message']), keys: [] };
  const keys = list.doc.items.map(
    ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name} ${metadata.resourceVersion}`,
  );
  return { code: watch.code, words: watch.code === 200 ? '' : 'watch', keys: keys.sort() };
}

// ------------------------------------------------------------ what viewers have

/** Resolves when every list is live and has what a fresh list has. */
export async function settled(
  bed: Bed,
  watched: readonly Watched[],
  { namespace, resource }: { readonly namespace?: string; readonly resource?: string } = {},
): Promise<void> {
  let expected = new Map<string, unknown>();
  const isThere = ({ entries, state }: Watched): boolean =>
    state === 'live' && entries.size === expected.size && versionsOf(entries) === versionsOf(expected);
  try {
    await until(
      'every viewer has what a fresh list has',
      async () => {
        expected = await truth(bed, namespace, resource);
        return watched.every(isThere);
      },
      PATIENCE_MS,
      50,
    );
  } catch (cause) {
    const late = watched.find((one) => !isThere(one));
    const has =
      late === undefined
        ? ''
        : `${late.state}, ${JSON.stringify(late.error)}, ${JSON.stringify(late.told.at(-1))}: ${versionsOf(late.entries)}`;
    throw new Error(`${String(cause)}\none has ${has}\nof ${versionsOf(expected)}`, { cause });
  }
  // Each object whole, and not its version alone.
  const wrong = watched.filter(
    ({ entries }) => !isDeepStrictEqual(new Map([...entries].sort()), new Map([...expected].sort())),
  );
  if (wrong.length > 0)
    throw new Error(`${wrong.length} viewers have other objects under the versions of the list`);
}

function versionsOf(entries: ReadonlyMap<string, unknown>): string {
  return [...entries]
    .map(([key, value]) => {
      const { uid, resourceVersion } = (value as { metadata: { uid: string; resourceVersion: string } })
        .metadata;
      return `${key} ${uid} ${resourceVersion}`;
    })
    .sort()
    .join();
}

/** Subscribes to all that `kube.open` answers. */
export async function openAll(viewer: MapViewer, wish: object): Promise<Opened> {
  const answer = (await viewer.rpc('kube.open', { cluster: 'c1', ...wish })) as {
    readonly lists?: readonly { readonly channel: string; readonly namespace?: string }[];
    readonly error?: { readonly code: number; readonly message: string };
  };
  const channels = (answer.lists ?? []).map(({ channel }) => channel);
  return { error: answer.error, channels, watched: channels.map((channel) => viewer.watch(channel)) };
}

export interface Opened {
  readonly error: { readonly code: number; readonly message: string } | undefined;
  readonly channels: readonly string[];
  readonly watched: readonly Watched[];
}
