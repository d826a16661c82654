/**
 * What happens to an object on its way in: checks of name, namespace and kind, and the few defaults that clients of lists can see.
 * Schemas of specs are not checked, except that a pod has containers with names and images.
 */
import { randomInt, type Random } from '@trunkline/base';
import {
  isObject,
  read,
  readList,
  readText,
  type JsonObject,
  type KubeObject,
  type ObjectDraft,
} from '../model/objects.js';
import { apiVersionOf, type ResourceType } from '../model/resource-type.js';
import { badRequest, invalid, type StatusCause } from '../model/status.js';

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** Names of roles and bindings may hold colons and capitals; only what breaks a path is refused. */
const PATH_SEGMENT = /^(?!\.{1,2}$)[^/%]+$/;
const SUFFIX = 'bcdfghjklmnpqrstvwxz2456789';

/** The body as an object of `type` in `namespace`, named. Throws 400 where it contradicts the path and 422 where it is not valid. */
export function admit(type: ResourceType, namespace: string, body: ObjectDraft, random: Random): KubeObject {
  const apiVersion = apiVersionOf(type);
  if (body.kind !== undefined && body.kind !== type.kind)
    throw badRequest(
      `${type.kind} in version "${type.version}" cannot be handled as a ${body.kind}: kind does not match`,
    );
  if (body.apiVersion !== undefined && body.apiVersion !== apiVersion)
    throw badRequest(
      `the API version in the data (${body.apiVersion}) does not match the expected API version (${apiVersion})`,
    );
  const { metadata } = body;
  if (type.namespaced && metadata.namespace !== undefined && metadata.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  const name = metadata.name || generateName(metadata.generateName, random);
  const causes = [...nameCauses(type, name), ...labelCauses(metadata.labels), ...podCauses(type, body)];
  if (causes.length > 0) throw invalid(type.kind, type.group, name, causes);
  const { namespace: _namespace, ...rest } = metadata;
  return {
    ...body,
    kind: type.kind,
    apiVersion,
    metadata: { ...rest, name, ...(type.namespaced ? { namespace } : {}) },
  };
}

function generateName(prefix: string | undefined, random: Random): string {
  if (prefix === undefined || prefix === '') return '';
  let name = prefix;
  for (let index = 0; index < 5; index++) name += SUFFIX[randomInt(random, SUFFIX.length)];
  return name;
}

function nameCauses(type: ResourceType, name: string): StatusCause[] {
  const field = 'metadata.name';
  if (name === '')
    return [
      { reason: 'FieldValueRequired', message: 'Required value: name or generateName is required', field },
    ];
  const pattern = type.group === 'rbac.authorization.k8s.io' ? PATH_SEGMENT : SUBDOMAIN;
  const maxLength = type.resource === 'namespaces' || type.resource === 'services' ? 63 : 253;
  if (pattern.test(name) && name.length <= maxLength) return [];
  return [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: "${name}": must be a lowercase RFC 1123 name of at most ${maxLength} characters`,
      field,
    },
  ];
}

function labelCauses(labels: unknown): StatusCause[] {
  if (labels === undefined || labels === null) return [];
  if (
    isObject(labels) &&
    Object.values(labels).every((value) => typeof value === 'string' && value.length <= 63)
  )
    return [];
  return [
    {
      reason: 'FieldValueInvalid',
      message: 'Invalid value: values are texts of at most 63 characters',
      field: 'metadata.labels',
    },
  ];
}

function podCauses(type: ResourceType, body: ObjectDraft): StatusCause[] {
  if (type.kind !== 'Pod') return [];
  const containers = readList(body, 'spec', 'containers');
  const required = (field: string): StatusCause => ({
    reason: 'FieldValueRequired',
    message: 'Required value',
    field,
  });
  if (containers.length === 0) return [required('spec.containers')];
  return containers.flatMap((container, index) =>
    ['name', 'image']
      .filter((field) => readText(container, field) === '')
      .map((field) => required(`spec.containers[${index}].${field}`)),
  );
}

/** Fills in what the server decides at creation. The caller's status does not count where the resource has one of its own. */
export function withDefaults(type: ResourceType, object: KubeObject): KubeObject {
  const { status: _given, ...bare } = object;
  const base: KubeObject = type.hasStatus ? bare : object;
  switch (type.kind) {
    case 'Pod':
      return {
        ...base,
        spec: podSpec(base.spec ?? {}),
        status: { phase: 'Pending', qosClass: 'BestEffort' },
      };
    case 'Namespace': {
      const labels = { 'kubernetes.io/metadata.name': base.metadata.name, ...base.metadata.labels };
      return {
        ...base,
        metadata: { ...base.metadata, labels },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      };
    }
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet':
      return generation({ ...base, spec: { replicas: 1, ...base.spec }, status: {} });
    case 'Secret':
      return { ...base, type: read(base, 'type') ?? 'Opaque' };
    case 'Service':
      return {
        ...base,
        spec: { type: 'ClusterIP', sessionAffinity: 'None', ...base.spec },
        status: { loadBalancer: {} },
      };
    default:
      return type.custom || type.kind === 'DaemonSet' || type.kind === 'Job' ? generation(base) : base;
  }
}

function generation(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, generation: 1 } };
}

function podSpec(spec: JsonObject): JsonObject {
  const containers = readList(spec, 'containers').map((container) => ({
    imagePullPolicy: 'IfNotPresent',
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    ...(isObject(container) ? container : {}),
  }));
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
    ...spec,
    containers,
  };
}
