/** Drafts of the objects that a demo cluster consists of, about as large and as detailed as real ones. Parts that are equal are shared. */
import type { JsonObject, ObjectDraft } from '../model/objects.js';

export const NAMESPACES = [
  'shop',
  'payments',
  'search',
  'media',
  'identity',
  'analytics',
  'billing',
  'messaging',
  'catalog',
  'shipping',
  'support',
  'ml',
] as const;
export const APPS = [
  'frontend',
  'api',
  'worker',
  'gateway',
  'cache',
  'indexer',
  'scheduler',
  'mailer',
  'ledger',
  'sessions',
  'uploader',
  'reports',
  'webhooks',
  'router',
  'importer',
  'recommender',
] as const;
const ZONES = ['a', 'b', 'c'] as const;

/** One deployment and what belongs to it. */
export interface AppFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface ReplicaSetFacts {
  readonly name: string;
  readonly uid: string;
  /** Value of the label `pod-template-hash`. */
  readonly hash: string;
  readonly image: string;
  /** Shared by all pods of the set. */
  readonly podSpec: JsonObject;
}

export function namespaceDraft(name: string, createdAt: string): ObjectDraft {
  return {
    metadata: {
      name,
      creationTimestamp: createdAt,
      labels: { 'kubernetes.io/metadata.name': name, team: name },
    },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  };
}

export function nodeDraft(index: number, createdAt: string): ObjectDraft {
  const name = `node-${String(index + 1).padStart(3, '0')}`;
  const zone = ZONES[index % ZONES.length] ?? 'a';
  const role = index === 0 ? 'control-plane' : 'worker';
  return {
    metadata: {
      name,
      creationTimestamp: createdAt,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        [`node-role.kubernetes.io/${role}`]: '',
        'topology.kubernetes.io/zone': zone,
      },
    },
    spec: { podCIDR: `10.${(index >> 8) & 255}.${index & 255}.0/24` },
    status: {
      capacity: { cpu: '16', memory: '65536Mi', pods: '110', 'ephemeral-storage': '200Gi' },
      allocatable: { cpu: '15', memory: '62464Mi', pods: '110', 'ephemeral-storage': '180Gi' },
      conditions: nodeConditions(createdAt, createdAt),
      addresses: [
        { type: 'InternalIP', address: nodeAddress(index) },
        { type: 'Hostname', address: name },
      ],
      nodeInfo: {
        kubeletVersion: 'v1.36.0',
        osImage: 'Debian GNU/Linux 13',
        kernelVersion: '6.12.0',
        containerRuntimeVersion: 'containerd://2.1.0',
        architecture: 'amd64',
        operatingSystem: 'linux',
      },
    },
  };
}

export function nodeAddress(index: number): string {
  return `192.168.${(index >> 8) & 255}.${(index & 255) + 1}`;
}

export function nodeConditions(heartbeat: string, since: string, ready = true): readonly JsonObject[] {
  const pressure = ['MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({
    type,
    status: 'False',
    lastHeartbeatTime: heartbeat,
    lastTransitionTime: since,
    reason: `KubeletHasSufficient${type.replace('Pressure', '')}`,
  }));
  const kubelet = {
    type: 'Ready',
    status: ready ? 'True' : 'False',
    lastHeartbeatTime: heartbeat,
    lastTransitionTime: since,
    reason: ready ? 'KubeletReady' : 'KubeletNotReady',
  };
  return [...pressure, kubelet];
}

export function podSpec(app: AppFacts, image: string): JsonObject {
  return {
    containers: [
      {
        name: app.name,
        image,
        ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
        env: [
          { name: 'SERVICE_NAME', value: app.name },
          { name: 'LOG_FORMAT', value: 'json' },
          { name: 'POD_IP', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIP' } } },
        ],
        envFrom: [{ configMapRef: { name: `${app.name}-config` } }],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '1', memory: '512Mi' } },
        readinessProbe: {
          httpGet: { path: '/readyz', port: 'http', scheme: 'HTTP' },
          periodSeconds: 5,
          failureThreshold: 3,
        },
        livenessProbe: {
          httpGet: { path: '/healthz', port: 'http', scheme: 'HTTP' },
          periodSeconds: 10,
          failureThreshold: 3,
        },
        volumeMounts: [
          {
            name: 'kube-api-access',
            readOnly: true,
            mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
          },
        ],
        imagePullPolicy: 'IfNotPresent',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
    ],
    volumes: [
      {
        name: 'kube-api-access',
        projected: {
          defaultMode: 420,
          sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }],
        },
      },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    schedulerName: 'default-scheduler',
    securityContext: {},
    tolerations: ['not-ready', 'unreachable'].map((condition) => ({
      key: `node.kubernetes.io/${condition}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
  };
}

function owner(kind: string, apiVersion: string, name: string, uid: string): readonly JsonObject[] {
  return [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }];
}

export function deploymentDraft(
  app: AppFacts,
  replicas: number,
  set: ReplicaSetFacts,
  createdAt: string,
): ObjectDraft {
  const { namespace, name, uid } = app;
  const labels = { app: name };
  return {
    metadata: {
      name,
      namespace,
      uid,
      creationTimestamp: createdAt,
      generation: 1,
      labels: { ...labels, 'app.kubernetes.io/part-of': namespace },
      annotations: { 'deployment.kubernetes.io/revision': '1' },
    },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      revisionHistoryLimit: 2,
      template: { metadata: { labels }, spec: set.podSpec },
    },
    status: replicaStatus(replicas, replicas, 1),
  };
}

export function replicaStatus(replicas: number, ready: number, generation: number): JsonObject {
  return {
    observedGeneration: generation,
    replicas,
    updatedReplicas: replicas,
    readyReplicas: ready,
    availableReplicas: ready,
  };
}

export function replicaSetDraft(
  app: AppFacts,
  set: ReplicaSetFacts,
  replicas: number,
  createdAt: string,
): ObjectDraft {
  const labels = { app: app.name, 'pod-template-hash': set.hash };
  return {
    metadata: {
      name: set.name,
      namespace: app.namespace,
      uid: set.uid,
      creationTimestamp: createdAt,
      generation: 1,
      labels,
      ownerReferences: owner('Deployment', 'apps/v1', app.name, app.uid),
    },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: set.podSpec },
    },
    status: {
      observedGeneration: 1,
      replicas,
      fullyLabeledReplicas: replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
    },
  };
}

export function podDraft(
  app: AppFacts,
  set: ReplicaSetFacts,
  name: string,
  uid: string,
  createdAt: string,
): ObjectDraft {
  return {
    metadata: {
      name,
      generateName: `${set.name}-`,
      namespace: app.namespace,
      uid,
      creationTimestamp: createdAt,
      labels: { app: app.name, 'pod-template-hash': set.hash },
      ownerReferences: owner('ReplicaSet', 'apps/v1', set.name, set.uid),
      managedFields: MANAGED,
    },
    spec: set.podSpec,
    status: { phase: 'Pending', qosClass: 'Burstable' },
  };
}

/** What every write leaves behind in real clusters; clients do well to drop it. */
const MANAGED: readonly JsonObject[] = [
  {
    manager: 'kube-controller-manager',
    operation: 'Update',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:metadata': {
        'f:generateName': {},
        'f:labels': { '.': {}, 'f:app': {}, 'f:pod-template-hash': {} },
        'f:ownerReferences': {},
      },
      'f:spec': {
        'f:containers': {
          '.': {},
          'f:env': {},
          'f:image': {},
          'f:ports': {},
          'f:resources': {},
          'f:readinessProbe': {},
          'f:livenessProbe': {},
        },
        'f:dnsPolicy': {},
        'f:restartPolicy': {},
        'f:schedulerName': {},
      },
    },
  },
];

export function serviceDraft(app: AppFacts, address: string, createdAt: string): ObjectDraft {
  return {
    metadata: {
      name: app.name,
      namespace: app.namespace,
      creationTimestamp: createdAt,
      labels: { app: app.name },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: address,
      clusterIPs: [address],
      selector: { app: app.name },
      ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
    },
    status: { loadBalancer: {} },
  };
}

export function configDraft(app: AppFacts, revision: number, createdAt: string): ObjectDraft {
  return {
    metadata: {
      name: `${app.name}-config`,
      namespace: app.namespace,
      creationTimestamp: createdAt,
      labels: { app: app.name },
    },
    data: {
      LOG_LEVEL: revision % 5 === 0 ? 'debug' : 'info',
      CONFIG_REVISION: String(revision),
      REGION: 'eu-central',
    },
  };
}
