/** Namespaces, roles and bindings that every cluster starts with, as far as clients of lists depend on them. */
import type { Cluster } from '../cluster/cluster.js';
import { withDefaults } from '../cluster/admission.js';

const GROUP = 'rbac.authorization.k8s.io';
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const EVERYTHING = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];
const WORK = [
  'apps',
  'autoscaling',
  'batch',
  'networking.k8s.io',
  'policy',
  'discovery.k8s.io',
  'events.k8s.io',
];
/** What the roles for namespaces reach of the core group; Secrets are for `edit` and `admin` only. */
const CORE = [
  'configmaps',
  'endpoints',
  'events',
  'limitranges',
  'namespaces',
  'persistentvolumeclaims',
  'pods',
  'pods/log',
  'pods/status',
  'replicationcontrollers',
  'resourcequotas',
  'serviceaccounts',
  'services',
];

/** Programs and ports of pods: who may change pods may do this as well. */
const STREAMS = ['pods/attach', 'pods/exec', 'pods/portforward'];

const ROLES: Readonly<Record<string, readonly unknown[]>> = {
  'cluster-admin': EVERYTHING,
  admin: [
    { verbs: [...READ, ...WRITE], apiGroups: [''], resources: [...CORE, ...STREAMS, 'secrets'] },
    { verbs: [...READ, ...WRITE], apiGroups: WORK, resources: ['*'] },
    { verbs: [...READ, ...WRITE], apiGroups: [GROUP], resources: ['roles', 'rolebindings'] },
  ],
  edit: [
    { verbs: [...READ, ...WRITE], apiGroups: [''], resources: [...CORE, ...STREAMS, 'secrets'] },
    { verbs: [...READ, ...WRITE], apiGroups: WORK, resources: ['*'] },
  ],
  view: [
    { verbs: READ, apiGroups: [''], resources: CORE },
    { verbs: READ, apiGroups: WORK, resources: ['*'] },
  ],
  'system:basic-user': [
    {
      verbs: ['create'],
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    },
    { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
  ],
  'system:discovery': [
    {
      verbs: ['get'],
      nonResourceURLs: [
        '/api',
        '/api/*',
        '/apis',
        '/apis/*',
        '/healthz',
        '/livez',
        '/readyz',
        '/version',
        '/version/',
      ],
    },
  ],
  'system:public-info-viewer': [
    { verbs: ['get'], nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'] },
  ],
};

const BINDINGS: readonly (readonly [role: string, groups: readonly string[]])[] = [
  ['cluster-admin', ['system:masters']],
  ['system:basic-user', ['system:authenticated']],
  ['system:discovery', ['system:authenticated']],
  ['system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']],
];

export const FIRST_NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

export function bootstrap(cluster: Cluster): void {
  const namespaces = cluster.registry.require('namespaces');
  for (const name of FIRST_NAMESPACES)
    cluster.put(
      namespaces,
      withDefaults(namespaces, { kind: 'Namespace', apiVersion: 'v1', metadata: { name } }),
    );
  const roles = cluster.registry.require('clusterroles', GROUP);
  const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
  for (const [name, rules] of Object.entries(ROLES))
    cluster.put(roles, { metadata: { name, labels }, rules });
  const bindings = cluster.registry.require('clusterrolebindings', GROUP);
  for (const [role, groups] of BINDINGS)
    cluster.put(bindings, {
      metadata: { name: role, labels },
      roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: role },
      subjects: groups.map((name) => ({ kind: 'Group', apiGroup: GROUP, name })),
    });
}
