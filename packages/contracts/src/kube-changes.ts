/** What differs between two versions of a Kubernetes object, by path: so that a reader of the console or the command sees what moved. Pure, and bounded. */

export interface FieldChange {
  /** `status.phase`, `spec.containers[0].image`, `metadata.labels["app.kubernetes.io/name"]`. */
  readonly path: string;
  /** Undefined: was not there. */
  readonly before: unknown;
  /** Undefined: is not there any more. */
  readonly after: unknown;
}

/** Members that change with every write and say nothing. */
const SILENT = new Set(['metadata.resourceVersion', 'metadata.managedFields', 'metadata.generation']);
/** Beyond it a change is told as one of its parents. */
const MAX_CHANGES = 50;

/** In the order of the newer version; at most fifty. */
export function changesBetween(before: unknown, after: unknown): readonly FieldChange[] {
  const found: FieldChange[] = [];
  compare(before, after, '', found);
  return found;
}

function compare(before: unknown, after: unknown, path: string, found: FieldChange[]): void {
  if (found.length >= MAX_CHANGES || SILENT.has(path) || Object.is(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++)
      compare(before[index], after[index], `${path}[${index}]`, found);
    return;
  }
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(after), ...Object.keys(before)]))
      compare(before[key], after[key], join(path, key), found);
    return;
  }
  found.push({ path, before, after });
}

function join(path: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
