/**
 * How objects are written for one request: whole, as metadata only, or as a table, by the `Accept` header. One interface for all, so that
 * lists and watches do not know which it is.
 */
import type { Stored } from '../cluster/stored.js';
import type { Clock } from '@trunkline/base';
import { apiVersionOf, type ResourceType } from '../model/resource-type.js';
import { StatusError } from '../model/status.js';

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface Representation {
  /** One object as the answer to GET, or inside a watch event. `first` says that nothing was written on this stream before. */
  one(stored: Stored, first: boolean): string;
  /** A bookmark's object: nothing but a version and annotations. */
  bookmark(version: number, annotations?: Readonly<Record<string, string>>): string;
  /** `isEmpty`: no item follows. */
  listHead(meta: ListMeta, isEmpty: boolean): string;
  listItem(stored: Stored): string;
  listTail(isEmpty: boolean): string;
}

const META = { group: 'meta.k8s.io', version: 'v1' };

/** Throws 406 where nothing that the client accepts can be written. */
export function chooseRepresentation(
  accept: string | undefined,
  type: ResourceType,
  query: URLSearchParams,
  clock: Clock,
): Representation {
  for (const offer of (accept ?? '*/*').split(',')) {
    const [media = '', ...parameters] = offer.split(';').map((part) => part.trim());
    if (media !== 'application/json' && media !== '*/*' && media !== 'application/*') continue;
    const given = new Map(parameters.map((parameter) => parameter.split('=', 2) as [string, string]));
    const as = given.get('as');
    if (as === undefined) return whole(type);
    if ((given.get('g') ?? META.group) !== META.group || (given.get('v') ?? META.version) !== META.version)
      continue;
    if (as === 'Table') return table(type, query.get('includeObject') ?? 'Metadata', clock);
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return metadataOnly();
  }
  throw new StatusError(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/json;as=Table;v=v1;g=meta.k8s.io, application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    {},
  );
}

function listHead(kind: string, apiVersion: string, meta: ListMeta, more = ''): string {
  return `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${JSON.stringify(meta)},${more}`;
}

function bookmark(
  kind: string,
  apiVersion: string,
  version: number,
  annotations: Readonly<Record<string, string>> | undefined,
): string {
  const metadata = { resourceVersion: String(version), creationTimestamp: null, annotations };
  return JSON.stringify({ kind, apiVersion, metadata });
}

function whole(type: ResourceType): Representation {
  const apiVersion = apiVersionOf(type);
  return {
    one: (stored) => stored.text(type.kind, apiVersion),
    bookmark: (version, annotations) => bookmark(type.kind, apiVersion, version, annotations),
    listHead: (meta) => listHead(type.listKind, apiVersion, meta, '"items":['),
    listItem: (stored) => (type.custom ? stored.text(type.kind, apiVersion) : stored.body),
    listTail: () => ']}\n',
  };
}

function metadataOnly(): Representation {
  const one = ({ object: { metadata } }: Stored): string =>
    JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
  return {
    one,
    bookmark: (version, annotations) =>
      bookmark('PartialObjectMetadata', 'meta.k8s.io/v1', version, annotations),
    // As API servers write it: a list without items has none.
    listHead: (meta, isEmpty) =>
      listHead('PartialObjectMetadataList', 'meta.k8s.io/v1', meta, `"items":${isEmpty ? 'null' : '['}`),
    listItem: one,
    listTail: (isEmpty) => (isEmpty ? '}\n' : ']}\n'),
  };
}

function table(type: ResourceType, includeObject: string, clock: Clock): Representation {
  const definitions = JSON.stringify(type.columns.map(({ cell: _cell, ...definition }) => definition));
  const embedded = (stored: Stored): string => {
    if (includeObject === 'None') return '';
    if (includeObject === 'Object') return `,"object":${stored.text(type.kind, apiVersionOf(type))}`;
    const { metadata } = stored.object;
    return `,"object":${JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata })}`;
  };
  const row = (stored: Stored): string => {
    const cells = type.columns.map((column) => column.cell(stored.object, clock.now()) ?? null);
    return `{"cells":${JSON.stringify(cells)}${embedded(stored)}}`;
  };
  const head = (meta: ListMeta, withColumns: boolean): string =>
    listHead(
      'Table',
      'meta.k8s.io/v1',
      meta,
      `"columnDefinitions":${withColumns ? definitions : 'null'},"rows":[`,
    );
  return {
    one: (stored, first) => `${head({ resourceVersion: String(stored.version) }, first)}${row(stored)}]}`,
    bookmark: (version, annotations) =>
      `${head({ resourceVersion: String(version) }, false)}{"cells":[],"object":${bookmark('PartialObjectMetadata', 'meta.k8s.io/v1', version, annotations)}}]}`,
    listHead: (meta) => head(meta, true),
    listItem: row,
    listTail: () => ']}\n',
  };
}
