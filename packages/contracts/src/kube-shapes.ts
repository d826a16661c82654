/** The shapes that the methods of live Kubernetes lists share: what is asked for, where, and what is known of clusters. */
import { z } from 'zod';

export const clusterId = z.string().regex(/^[\w.@-]{1,64}$/);
export const namespaceName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
const apiGroup = z.string().regex(/^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$/);
const apiVersion = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
const resourceName = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
const selector = z.string().max(2_000);
/** Of an object: DNS names, and what a few kinds allow beyond them. */
export const objectName = z.string().regex(/^[^/%\s\p{Cc}]{1,253}$/u);
/** Dots between names, `[n]` for places, quotes around names with dots: `metadata.labels["app.kubernetes.io/name"]`. */
export const jsonPath = z.string().min(1).max(300);

/** Which kind of object. The core group is `''` (default); without a version the one that the cluster prefers. */
export const kind = {
  group: apiGroup.optional(),
  version: apiVersion.optional(),
  resource: resourceName,
};

/** Which of them. Several namespaces are several lists; none, and no selector: all that the viewer may see. */
export const scope = {
  namespaces: z.array(namespaceName).min(1).max(100).optional(),
  labelSelector: selector.optional(),
  fieldSelector: selector.optional(),
};

/**
 * Parts of the objects that are wanted, besides apiVersion, kind, name, namespace and uid; absent: everything. A write that touched none of them is no change: every version is one only
 * where `metadata.resourceVersion` is among them.
 */
export const fields = z.array(jsonPath).min(1).max(64).optional();

export const mode = z.enum(['shared', 'impersonate', 'own']);

export const clusterRecord = z.object({
  id: clusterId,
  name: z.string(),
  mode,
  /** A demonstration without anything real behind it. */
  simulated: z.boolean(),
  /** What is passed on besides reading, by the rights of whoever asks: changes, and exec, attach and port-forward. Absent: nothing. */
  allows: z.array(z.enum(['writes', 'exec'])).optional(),
  /** Whether the server reached its API lately; `unknown` before anybody asked. */
  reach: z.enum(['reachable', 'unreachable', 'unknown']),
  /** Of the last sign of life, milliseconds. */
  latencyMs: z.number().optional(),
  /** E.g. `v1.33.1`. */
  serverVersion: z.string().optional(),
  /** In words, of the last failure; gone with the next success. */
  error: z.string().optional(),
  /** The namespaces that the org is confined to; absent: none is closed to it. */
  namespaces: z.array(z.string()).optional(),
  /** Mode `own`: whether the caller has left a credential. */
  credential: z.enum(['present', 'missing']).optional(),
});

export const resourceRecord = z.object({
  group: z.string(),
  version: z.string(),
  resource: z.string(),
  kind: z.string(),
  namespaced: z.boolean(),
  verbs: z.array(z.string()),
  shortNames: z.array(z.string()),
});

export const openedList = z.object({
  /** A map: key `namespace/name` (or `name`), value the object, or the wanted fields of it. */
  channel: z.string(),
  /** Absent: all namespaces, or a kind without. */
  namespace: z.string().optional(),
});

export const deniedScope = z.object({
  /** Where several clusters were asked for. */
  cluster: clusterId.optional(),
  namespace: z.string().optional(),
  code: z.number().int(),
  /** In the words of the API server where it said some. */
  reason: z.string(),
});

export const reflectorState = z.object({
  state: z.enum(['loading', 'live', 'recovering', 'denied', 'gone', 'failed']),
  /** Unix milliseconds; changes may be missing since. Absent while live. */
  sinceMs: z.number().optional(),
  reason: z.string().optional(),
});

/** One upstream watch and who shares it. */
export const reflectorRecord = z.object({
  group: z.string(),
  version: z.string(),
  resource: z.string(),
  namespace: z.string().optional(),
  labelSelector: z.string().optional(),
  fieldSelector: z.string().optional(),
  /** Absent: the server's own identity. */
  credential: z.string().optional(),
  state: reflectorState,
  /** Channels, windows and foreign clients that read it. */
  readers: z.number().int(),
  objects: z.number().int(),
  bytes: z.number().int(),
  lists: z.number().int(),
  watches: z.number().int(),
  failures: z.number().int(),
  /** Unix milliseconds at which the API server last said something. */
  heardMs: z.number().optional(),
});

/** What rows are compared by: a column of the window, or any path into the object. */
const term = z.union([z.object({ column: z.string().max(64) }), z.object({ path: jsonPath })]);

export const windowFilter = z.intersection(
  term,
  z.object({
    op: z.enum(['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'contains', 'in', 'exists']),
    /** `in`: an array. `exists`: whether it should; default true. */
    value: z
      .union([
        z.string(),
        z.number(),
        z.boolean(),
        z.null(),
        z.array(z.union([z.string(), z.number()])).max(200),
      ])
      .optional(),
  }),
);

export const windowSort = z.intersection(term, z.object({ order: z.enum(['asc', 'desc']).optional() }));

export const windowColumn = z.object({
  name: z.string(),
  title: z.string(),
  type: z.enum(['text', 'number', 'time', 'boolean']),
});

/** A column as `kube.columns` tells it. */
export const kindColumn = windowColumn.extend({
  /** As in the cluster's tables, e.g. `date` or `int32`; often empty. */
  format: z.string(),
  /** In the words of the cluster. */
  description: z.string(),
  /** 0: always shown; higher ones where there is room, or where they are asked for. */
  priority: z.number().int(),
  /** JSONPath, as the definition of a custom resource has it, or where the cell is that of a field. */
  path: z.string().optional(),
  /** Whether windows have it, to be shown, sorted and filtered by. False: only the API server can work out its cells. */
  inWindows: z.boolean(),
});

export const windowRow = z.object({
  /** `<cluster>/<namespace>/<name>`, or `<cluster>//<name>`; with a recreated object it stays, and the uid changes. */
  id: z.string(),
  uid: z.string(),
  /** One per column, in their order. */
  cells: z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** The object, or the wanted fields of it; absent where none were wanted. */
  object: z.unknown().optional(),
});

/** Applied in order, each to what the one before left. */
export const windowOp = z.discriminatedUnion('op', [
  z.object({ op: z.literal('enter'), at: z.number().int(), row: windowRow }),
  z.object({ op: z.literal('leave'), at: z.number().int() }),
  z.object({ op: z.literal('move'), from: z.number().int(), to: z.number().int() }),
  /** The row at this place in another version: changed cells by their index, and the object as a JSON merge patch (RFC 7396) or whole. */
  z.object({
    op: z.literal('patch'),
    at: z.number().int(),
    uid: z.string().optional(),
    cells: z
      .array(z.tuple([z.number().int(), z.union([z.string(), z.number(), z.boolean(), z.null()])]))
      .optional(),
    merge: z.unknown().optional(),
    object: z.unknown().optional(),
  }),
]);

/** What stands behind a window's rows, per cluster. */
export const windowSource = z.object({ cluster: z.string(), state: reflectorState });

export const logLine = z.object({
  /** RFC 3339 with nanoseconds, as the API server writes it; absent where it wrote none. */
  time: z.string().optional(),
  text: z.string(),
});

export type ClusterRecord = z.output<typeof clusterRecord>;
export type ResourceRecord = z.output<typeof resourceRecord>;
export type OpenedList = z.output<typeof openedList>;
export type DeniedScope = z.output<typeof deniedScope>;
export type ReflectorRecord = z.output<typeof reflectorRecord>;
export type WindowFilter = z.output<typeof windowFilter>;
export type WindowSort = z.output<typeof windowSort>;
export type WindowColumn = z.output<typeof windowColumn>;
export type KindColumn = z.output<typeof kindColumn>;
export type WindowRow = z.output<typeof windowRow>;
export type WindowOp = z.output<typeof windowOp>;
export type WindowSource = z.output<typeof windowSource>;
export type LogLine = z.output<typeof logLine>;
