/** Which objects a list or watch is about: namespace, label selector, field selector, put together once per request. */
import type { Stored } from '../cluster/stored.js';
import type { ResourceType } from '../model/resource-type.js';
import { parseFieldSelector } from '../query/field-selector.js';
import { parseLabelSelector } from '../query/label-selector.js';
import type { ListOptions } from './list-options.js';

export interface Selection {
  readonly namespace: string;
  /** False where a namespace is all there is; counting what remains is possible then. */
  readonly selective: boolean;
  /** Asks for labels and fields, not for the namespace. */
  readonly matches: (stored: Stored) => boolean;
}

export function selectionOf(
  type: ResourceType,
  namespace: string,
  { labelSelector, fieldSelector }: Pick<ListOptions, 'labelSelector' | 'fieldSelector'>,
): Selection {
  const labels = parseLabelSelector(labelSelector);
  const fields = parseFieldSelector(fieldSelector, type);
  return {
    namespace: type.namespaced ? namespace : '',
    selective: labels !== undefined || fields !== undefined,
    matches: ({ object }) =>
      (labels === undefined || labels(object.metadata.labels)) &&
      (fields === undefined || fields.matches(object)),
  };
}
