/** What the tests create: a namespace for each test, small objects, a custom resource definition. */
import type { Api, Doc } from './api.js';

let counter = 0;

/** A name that no other test of this run has. */
export function fresh(prefix: string): string {
  return `${prefix}-${++counter}`;
}

/** A new namespace; resolves with its name. */
export async function makeNamespace(api: Api): Promise<string> {
  const name = fresh('space');
  await made(api, '/api/v1/namespaces', { kind: 'Namespace', apiVersion: 'v1', metadata: { name } });
  return name;
}

/** Creates, and resolves with what was created. Rejects with what the server said otherwise. */
export async function made(api: Api, path: string, draft: object): Promise<Doc> {
  const reply = await api.post(path, draft);
  if (reply.code !== 201) throw new Error(`POST ${path}: ${reply.code} ${reply.text}`);
  return reply.doc;
}

export const configMaps = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;
export const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

export function configMap(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  data: Readonly<Record<string, string>> = {},
): object {
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, labels }, data };
}

export function pod(name: string, node?: string, containers: readonly string[] = ['main']): object {
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, labels: { app: name } },
    spec: {
      ...(node === undefined ? {} : { nodeName: node }),
      terminationGracePeriodSeconds: 30,
      containers: containers.map((container) => ({ name: container, image: 'example.com/app:1' })),
    },
  };
}

export interface Definition {
  readonly group: string;
  /** `/apis/<group>/v1/namespaces/<namespace>/lamps` */
  readonly path: (namespace: string) => string;
  readonly draft: object;
  readonly name: string;
}

/** Lamps, with a status of their own and two columns, in a group that no other test uses. */
export function lamps(): Definition {
  const group = `${fresh('light')}.example.com`;
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    group,
    name: `lamps.${group}`,
    path: (namespace) => `/apis/${group}/v1/namespaces/${namespace}/lamps`,
    draft: {
      kind: 'CustomResourceDefinition',
      apiVersion: 'apiextensions.k8s.io/v1',
      metadata: { name: `lamps.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'lamps', singular: 'lamp', kind: 'Lamp', listKind: 'LampList', shortNames: ['lp'] },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { ...anything, properties: { spec: anything, status: anything } } },
            subresources: { status: {} },
            additionalPrinterColumns: [
              { name: 'Watts', type: 'integer', jsonPath: '.spec.watts' },
              { name: 'Lit', type: 'string', jsonPath: '.status.conditions[?(@.type=="Lit")].status' },
            ],
          },
        ],
      },
    },
  };
}

export const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export function lamp(group: string, name: string, watts: number): object {
  return { kind: 'Lamp', apiVersion: `${group}/v1`, metadata: { name }, spec: { watts } };
}
