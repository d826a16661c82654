/**
 * Columns of the API server's own kinds whose cell is a field as it stands, by the title that tables give them: of these others can work out the same cells. What the server makes of
 * several fields, counts or rounds is not here.
 */
const PLAIN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '/events': {
    Type: '.type',
    Reason: '.reason',
    Message: '.message',
    Subobject: '.involvedObject.fieldPath',
  },
  '/namespaces': { Status: '.status.phase' },
  '/nodes': {
    'OS-Image': '.status.nodeInfo.osImage',
    'Kernel-Version': '.status.nodeInfo.kernelVersion',
    'Container-Runtime': '.status.nodeInfo.containerRuntimeVersion',
  },
  '/persistentvolumeclaims': {
    Volume: '.spec.volumeName',
    StorageClass: '.spec.storageClassName',
    VolumeMode: '.spec.volumeMode',
  },
  '/persistentvolumes': {
    Capacity: '.spec.capacity.storage',
    'Reclaim Policy': '.spec.persistentVolumeReclaimPolicy',
    StorageClass: '.spec.storageClassName',
    Reason: '.status.reason',
    VolumeMode: '.spec.volumeMode',
  },
  '/pods': { IP: '.status.podIP', 'Nominated Node': '.status.nominatedNodeName' },
  'apiextensions.k8s.io/customresourcedefinitions': { 'Created At': '.metadata.creationTimestamp' },
  'autoscaling/horizontalpodautoscalers': {
    MaxPods: '.spec.maxReplicas',
    Replicas: '.status.currentReplicas',
  },
  'batch/cronjobs': { Schedule: '.spec.schedule', TimeZone: '.spec.timeZone' },
  'coordination.k8s.io/leases': { Holder: '.spec.holderIdentity' },
  'discovery.k8s.io/endpointslices': { AddressType: '.addressType' },
  'networking.k8s.io/ingresses': { Class: '.spec.ingressClassName' },
  'networking.k8s.io/ingressclasses': { Controller: '.spec.controller' },
  'scheduling.k8s.io/priorityclasses': { Value: '.value' },
  'storage.k8s.io/storageclasses': {
    Provisioner: '.provisioner',
    ReclaimPolicy: '.reclaimPolicy',
    VolumeBindingMode: '.volumeBindingMode',
  },
};

/** JSONPath; undefined where the cell is no field. */
export function plainPath(
  { group, resource }: { readonly group: string; readonly resource: string },
  title: string,
): string | undefined {
  const columns = Object.hasOwn(PLAIN, `${group}/${resource}`) ? PLAIN[`${group}/${resource}`] : undefined;
  return columns !== undefined && Object.hasOwn(columns, title) ? columns[title] : undefined;
}
