/** The resources that are there from the start. A flat table; columns are in `columns.ts`. */
import { columnsFor } from './columns.js';
import type { ResourceType } from './resource-type.js';

/** resource, kind, scope, short names, whether it has a status of its own; `all` marks the category of that name. */
type Row = readonly [resource: string, kind: string, flags: string, shortNames?: string];

/** Flags: n namespaced, s status, a category `all`. */
const TABLE: Readonly<Record<string, readonly Row[]>> = {
  '/v1': [
    ['configmaps', 'ConfigMap', 'n', 'cm'],
    ['endpoints', 'Endpoints', 'n', 'ep'],
    ['events', 'Event', 'n', 'ev'],
    ['limitranges', 'LimitRange', 'n', 'limits'],
    ['namespaces', 'Namespace', 's', 'ns'],
    ['nodes', 'Node', 's', 'no'],
    ['persistentvolumeclaims', 'PersistentVolumeClaim', 'ns', 'pvc'],
    ['persistentvolumes', 'PersistentVolume', 's', 'pv'],
    ['pods', 'Pod', 'nsa', 'po'],
    ['replicationcontrollers', 'ReplicationController', 'nsa', 'rc'],
    ['resourcequotas', 'ResourceQuota', 'ns', 'quota'],
    ['secrets', 'Secret', 'n'],
    ['serviceaccounts', 'ServiceAccount', 'n', 'sa'],
    ['services', 'Service', 'nsa', 'svc'],
  ],
  'apps/v1': [
    ['controllerrevisions', 'ControllerRevision', 'n'],
    ['daemonsets', 'DaemonSet', 'nsa', 'ds'],
    ['deployments', 'Deployment', 'nsa', 'deploy'],
    ['replicasets', 'ReplicaSet', 'nsa', 'rs'],
    ['statefulsets', 'StatefulSet', 'nsa', 'sts'],
  ],
  'autoscaling/v2': [['horizontalpodautoscalers', 'HorizontalPodAutoscaler', 'nsa', 'hpa']],
  'batch/v1': [
    ['cronjobs', 'CronJob', 'nsa', 'cj'],
    ['jobs', 'Job', 'nsa'],
  ],
  'networking.k8s.io/v1': [
    ['ingressclasses', 'IngressClass', ''],
    ['ingresses', 'Ingress', 'ns', 'ing'],
    ['networkpolicies', 'NetworkPolicy', 'n', 'netpol'],
  ],
  'policy/v1': [['poddisruptionbudgets', 'PodDisruptionBudget', 'ns', 'pdb']],
  'rbac.authorization.k8s.io/v1': [
    ['clusterrolebindings', 'ClusterRoleBinding', ''],
    ['clusterroles', 'ClusterRole', ''],
    ['rolebindings', 'RoleBinding', 'n'],
    ['roles', 'Role', 'n'],
  ],
  'storage.k8s.io/v1': [['storageclasses', 'StorageClass', '', 'sc']],
  'apiextensions.k8s.io/v1': [['customresourcedefinitions', 'CustomResourceDefinition', 's', 'crd,crds']],
  'coordination.k8s.io/v1': [['leases', 'Lease', 'n']],
  'discovery.k8s.io/v1': [['endpointslices', 'EndpointSlice', 'n']],
  'scheduling.k8s.io/v1': [['priorityclasses', 'PriorityClass', '', 'pc']],
};

export function builtinTypes(): ResourceType[] {
  return Object.entries(TABLE).flatMap(([groupVersion, rows]) => {
    const [group = '', version = ''] = groupVersion.split('/');
    return rows.map(([resource, kind, flags, shortNames]) => ({
      group,
      version,
      resource,
      singular: kind.toLowerCase(),
      kind,
      listKind: `${kind}List`,
      namespaced: flags.includes('n'),
      shortNames: shortNames?.split(',') ?? [],
      categories: flags.includes('a') ? ['all'] : [],
      hasStatus: flags.includes('s'),
      custom: false,
      columns: columnsFor(group, resource),
    }));
  });
}
