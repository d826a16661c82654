/** Custom resource definitions: checking one, turning it into resource types, and the status that it gets when it is accepted. */
import { ageSince } from '../model/cells.js';
import { AGE_COLUMN, NAME_COLUMN } from '../model/columns.js';
import { isObject, read, readList, readText, toTimestamp, type KubeObject } from '../model/objects.js';
import type { Column, ResourceType } from '../model/resource-type.js';
import { invalid, type StatusCause } from '../model/status.js';
import { compileJsonPath } from '../query/json-path.js';

const COLUMN_TYPES = ['string', 'integer', 'number', 'boolean', 'date'] as const;

/** The served versions, storage version first. Throws a 422 that names every bad field. */
export function typesOfDefinition(definition: KubeObject): ResourceType[] {
  const causes: StatusCause[] = [];
  const need = (field: string): string => {
    const text = readText(definition, ...field.split('.'));
    if (text === '') causes.push({ reason: 'FieldValueRequired', message: 'Required value', field });
    return text;
  };
  const group = need('spec.group');
  const resource = need('spec.names.plural');
  const kind = need('spec.names.kind');
  const scope = need('spec.scope');
  const versions = readList(definition, 'spec', 'versions');
  if (versions.length === 0)
    causes.push({ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.versions' });
  if (versions.filter((version) => read(version, 'storage') === true).length !== 1)
    causes.push({
      reason: 'FieldValueInvalid',
      message: 'must have exactly one version marked as storage version',
      field: 'spec.versions',
    });
  if (scope !== '' && scope !== 'Namespaced' && scope !== 'Cluster')
    causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: "${scope}": supported values: "Cluster", "Namespaced"`,
      field: 'spec.scope',
    });
  if (definition.metadata.name !== `${resource}.${group}`)
    causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: "${definition.metadata.name}": must be spec.names.plural+"."+spec.group`,
      field: 'metadata.name',
    });
  const types = versions
    .filter((version) => read(version, 'served') === true)
    .sort((one, other) => Number(read(other, 'storage') === true) - Number(read(one, 'storage') === true))
    .map((version, index): ResourceType => ({
      group,
      version: readText(version, 'name'),
      resource,
      singular: readText(definition, 'spec', 'names', 'singular') || kind.toLowerCase(),
      kind,
      listKind: readText(definition, 'spec', 'names', 'listKind') || `${kind}List`,
      namespaced: scope === 'Namespaced',
      shortNames: readList(definition, 'spec', 'names', 'shortNames').map(String),
      categories: readList(definition, 'spec', 'names', 'categories').map(String),
      hasStatus: isObject(read(version, 'subresources', 'status')),
      custom: true,
      columns: columnsOf(version, `spec.versions[${index}]`, causes),
    }));
  if (causes.length > 0)
    throw invalid('CustomResourceDefinition', 'apiextensions.k8s.io', definition.metadata.name, causes);
  return types;
}

function columnsOf(version: unknown, field: string, causes: StatusCause[]): Column[] {
  const given = readList(version, 'additionalPrinterColumns');
  if (given.length === 0) return [NAME_COLUMN, AGE_COLUMN];
  const columns = given.map((column, index): Column => {
    const type = COLUMN_TYPES.find((known) => known === readText(column, 'type')) ?? 'string';
    return {
      name: readText(column, 'name'),
      type,
      format: readText(column, 'format'),
      description: readText(column, 'description'),
      priority: Number(read(column, 'priority') ?? 0),
      cell: cellOf(
        readText(column, 'jsonPath'),
        type,
        `${field}.additionalPrinterColumns[${index}].jsonPath`,
        causes,
      ),
    };
  });
  return [NAME_COLUMN, ...columns];
}

function cellOf(
  jsonPath: string,
  type: Column['type'],
  field: string,
  causes: StatusCause[],
): Column['cell'] {
  try {
    const find = compileJsonPath(jsonPath);
    return (object, nowMs) => {
      const [first] = find(object);
      if (first === undefined) return null;
      if (type === 'date') return ageSince(first, nowMs);
      return type === 'string' && typeof first === 'object' ? JSON.stringify(first) : first;
    };
  } catch (cause) {
    const message = `Invalid value: "${jsonPath}": ${cause instanceof Error ? cause.message : 'bad path'}`;
    causes.push({ reason: 'FieldValueInvalid', message, field });
    return () => null;
  }
}

/** The definition with the status of one that is in use. */
export function acceptDefinition(definition: KubeObject, nowMs: number): KubeObject {
  const names = read(definition, 'spec', 'names');
  const condition = (type: string, reason: string, message: string): unknown => ({
    type,
    status: 'True',
    lastTransitionTime: toTimestamp(nowMs),
    reason,
    message,
  });
  const storage = readList(definition, 'spec', 'versions').find(
    (version) => read(version, 'storage') === true,
  );
  return {
    ...definition,
    status: {
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      acceptedNames: isObject(names) ? names : {},
      storedVersions: [readText(storage, 'name')],
    },
  };
}
