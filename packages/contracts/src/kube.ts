/**
 * The wire of live Kubernetes lists: which clusters and kinds there are, channels for lists and objects, windows over large lists, logs of pods, and the
 * credentials that users bring. Who asks is the connection's principal; no param names a user. Error block 1300-1399 (what clusters fail with: docs/spec/kube-client.md).
 */
import type { CodeEntry } from '@trunkline/protocol';
import { z } from 'zod';
import { defineContract } from './contract.js';
import {
  clusterId,
  clusterRecord,
  deniedScope,
  fields,
  kind,
  kindColumn,
  logLine,
  namespaceName,
  objectName,
  openedList,
  reflectorRecord,
  resourceRecord,
  scope,
  windowColumn,
  windowFilter,
  windowOp,
  windowRow,
  windowSort,
  windowSource,
} from './kube-shapes.js';

export type * from './kube-shapes.js';

const entry = (
  code: number,
  message: string,
  retry: CodeEntry['retry'],
  meaning: string,
  help: string,
): CodeEntry => ({ code, message, retry, meaning, help });

export const KUBE_MODULE_CODES = {
  kubeClusterUnknown: entry(
    1330,
    'no such cluster',
    'never',
    'There is no cluster of that id, or the org may not see it.',
    'Look at `kube.clusters`; an operator lists the clusters of an org in its record.',
  ),
  kubeCredentialMissing: entry(
    1331,
    'no credential for this cluster',
    'never',
    'The cluster is used with credentials of the users, and the caller has left none.',
    'Leave a token, a client certificate or a kubeconfig: `kube.credentials.put`.',
  ),
  kubeWindowGone: entry(
    1332,
    'no such window',
    'afterResync',
    'The window was made on another node, or nobody has read it for a while.',
    'Ask for it again: `kube.window`.',
  ),
  kubeQuestionTooLong: entry(
    1333,
    'the question is too long for a channel',
    'never',
    'Selectors, fields and names together do not fit into a channel name.',
    'Use shorter selectors, or a window.',
  ),
} as const satisfies Record<string, CodeEntry>;

const cluster = { cluster: clusterId };
const cursor = z.object({ epoch: z.string(), offset: z.number().int().min(0) });

export const kubeContract = defineContract({
  id: 'kube',
  rpc: {
    'kube.clusters': {
      summary: 'The clusters that the org may see, by id.',
      params: z.strictObject({}),
      result: z.object({ clusters: z.array(clusterRecord) }),
    },
    'kube.resources': {
      summary: 'The kinds of objects of a cluster, those of its resource definitions included.',
      params: z.strictObject({
        ...cluster,
        /** For whoever knows that they changed: how old the answer may be, where that is less than the server's own measure. Milliseconds; below 2,000 counts as 2,000. */
        maxAgeMs: z.number().int().min(0).optional(),
      }),
      result: z.object({
        resources: z.array(resourceRecord),
        /** API groups that did not answer. */
        incomplete: z.array(z.object({ group: z.string(), reason: z.string() })),
      }),
    },
    'kube.namespaces': {
      summary: 'The namespaces of a cluster that the caller may look into.',
      params: z.strictObject(cluster),
      result: z.object({
        namespaces: z.array(z.string()),
        /** Whether every namespace is open to the caller. */
        all: z.boolean(),
      }),
    },
    'kube.columns': {
      summary:
        "The columns of a kind: those of the cluster's own tables, custom resources included, and those of windows.",
      /** `namespace`: where the caller may list the kind; absent: anywhere. */
      params: z.strictObject({ ...cluster, ...kind, namespace: namespaceName.optional() }),
      result: z.object({
        /** In the order of the cluster's tables. */
        columns: z.array(kindColumn),
        /** Whether the API server has tables for the kind. Where not, the columns are those of windows alone. */
        table: z.boolean(),
      }),
    },
    'kube.open': {
      summary: 'The channels that hold a list, or with `name` one object, as far as the caller may see it.',
      params: z.strictObject({ ...cluster, ...kind, ...scope, name: objectName.optional(), fields }),
      result: z.object({
        /** To be subscribed to together; more than one where not all namespaces are open, or several were asked for. */
        lists: z.array(openedList),
        denied: z.array(deniedScope),
        /** What the channels answer changes with rights: ask again after this time, or when a subscription ends with 2101. Milliseconds. */
        askAgainMs: z.number().int(),
      }),
    },
    'kube.window': {
      summary: 'A window: some rows of a filtered and sorted list, kept up to date.',
      params: z.strictObject({
        sources: z
          .array(z.strictObject({ ...cluster, namespaces: scope.namespaces }))
          .min(1)
          .max(20),
        ...kind,
        labelSelector: scope.labelSelector,
        fieldSelector: scope.fieldSelector,
        filter: z.array(windowFilter).max(20).optional(),
        /** Words that a row must contain, in its name or any other cell, whatever their case. */
        search: z.string().max(200).optional(),
        /** Default: by namespace, then name. Name and namespace always decide at last. */
        sort: z.array(windowSort).max(5).optional(),
        offset: z.number().int().min(0).optional(),
        /** Default 100. */
        limit: z.number().int().min(1).max(1_000).optional(),
        /** What of the objects goes with the rows; absent: the cells alone. */
        fields,
        /** Columns that are shown besides those that always are, by their names in `kube.columns`. */
        columns: z.array(z.string().min(1).max(64)).max(20).optional(),
      }),
      result: z.object({
        /** A stream; its state is `kube.windowState`. Identical windows are one. */
        channel: z.string(),
        columns: z.array(windowColumn),
        denied: z.array(deniedScope),
        /** Where rights that are granted meanwhile would show more: ask again after this time. Milliseconds; absent: there is no more to see. */
        askAgainMs: z.number().int().optional(),
      }),
    },
    'kube.windowState': {
      summary: 'The rows of a window as of a position of its channel.',
      params: z.strictObject({ channel: z.string().max(255) }),
      result: z.object({
        position: cursor,
        rows: z.array(windowRow),
        total: z.number().int(),
        sources: z.array(windowSource),
      }),
    },
    'kube.log': {
      summary: 'The channel that carries the log of a container.',
      params: z.strictObject({
        ...cluster,
        namespace: namespaceName,
        pod: objectName,
        /** Default: the only one. */
        container: objectName.optional(),
        /** Lines from before that come first. Default 200. */
        tail: z.number().int().min(0).max(10_000).optional(),
        sinceSeconds: z.number().int().min(1).optional(),
        /** The run before this one. */
        previous: z.boolean().optional(),
      }),
      result: z.object({ channel: z.string() }),
    },
    'kube.credentials.put': {
      summary: "Leaves the caller's credential for a cluster; it replaces the one before.",
      params: z.strictObject({
        ...cluster,
        token: z.string().max(20_000).optional(),
        certificate: z.string().max(50_000).optional(),
        key: z.string().max(50_000).optional(),
        /** Reduced to its token or certificate; what would run a program or open a file is refused by name. */
        kubeconfig: z.string().max(262_144).optional(),
      }),
      result: z.object({ cluster: z.string(), kind: z.enum(['token', 'certificate']) }),
      idempotent: true,
    },
    'kube.credentials.list': {
      summary: 'For which clusters the caller has left credentials; never the credentials.',
      params: z.strictObject({}),
      result: z.object({
        credentials: z.array(
          z.object({ cluster: z.string(), kind: z.enum(['token', 'certificate']), updatedMs: z.number() }),
        ),
      }),
    },
    'kube.credentials.delete': {
      summary: "Forgets the caller's credential for a cluster, and ends what runs on it.",
      params: z.strictObject(cluster),
      result: z.object({ deleted: z.boolean() }),
      idempotent: true,
    },
    'kube.status': {
      summary: 'What this node keeps open towards a cluster, for administrators.',
      params: z.strictObject({ cluster: clusterId.optional() }),
      result: z.object({
        node: z.string(),
        clusters: z.array(z.object({ cluster: clusterRecord, reflectors: z.array(reflectorRecord) })),
      }),
    },
    'kube.demo': {
      summary: 'Starts or ends the simulated cluster of this node; for operators, where no cluster is real.',
      params: z.strictObject({ run: z.boolean() }),
      result: z.object({ cluster: z.string().optional() }),
    },
  },
  channels: {
    list: {
      pattern: 'kube:{cluster}/{group}/{version}/{question}',
      type: 'map',
      summary: 'Objects of a list by namespace and name. The name of the channel is made by `kube.open`.',
      data: z.unknown(),
    },
    window: {
      pattern: 'kubewindow:{id}',
      type: 'stream',
      summary:
        'Changes of a window, one publication per turn: after each, the rows are those of the list at one moment.',
      data: z.object({
        ops: z.array(windowOp),
        total: z.number().int(),
        /** Where the state of a source changed. */
        sources: z.array(windowSource).optional(),
      }),
    },
    log: {
      pattern: 'kubelog:{cluster}/{namespace}/{pod}/{question}',
      type: 'stream',
      summary: 'Lines of a log in order, some in one publication.',
      data: z.union([
        z.object({ lines: z.array(logLine) }),
        /** The log was opened anew at this time: lines around it may be missing. */
        z.object({ gap: z.object({ sinceTime: z.string().optional(), reason: z.string() }) }),
        z.object({ end: z.object({ reason: z.string() }) }),
      ]),
    },
  },
  errors: KUBE_MODULE_CODES,
});

export type KubeContract = typeof kubeContract;
