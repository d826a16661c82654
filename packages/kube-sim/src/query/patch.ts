/** The two patch formats that work on every resource: JSON merge patch (RFC 7396) and JSON patch (RFC 6902). Inputs are left alone. */
import { isDeepStrictEqual } from 'node:util';
import { isObject, type JsonObject } from '../model/objects.js';
import { badRequest, StatusError } from '../model/status.js';

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else if (field === '__proto__') continue;
    else result[field] = mergePatch(result[field], value);
  }
  return result;
}

const MAX_OPERATIONS = 10_000;

/** Applies the operations in order; throws 400 for a malformed patch and 422 for one that does not fit the document. */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch is an array of operations');
  if (patch.length > MAX_OPERATIONS)
    throw badRequest(`a JSON patch has at most ${MAX_OPERATIONS} operations, got ${patch.length}`);
  return (patch as unknown[]).reduce<unknown>((document, operation) => {
    if (!isObject(operation)) throw badRequest('an operation of a JSON patch is an object');
    return apply(document, operation);
  }, target);
}

function apply(document: unknown, operation: JsonObject): unknown {
  const path = pointer(operation, 'path');
  switch (operation['op']) {
    case 'add':
      return edit(document, path, 'add', valueOf(operation));
    case 'replace':
      return edit(document, path, 'replace', valueOf(operation));
    case 'remove':
      return edit(document, path, 'remove', undefined);
    case 'copy':
      return edit(document, path, 'add', find(document, pointer(operation, 'from')));
    case 'move': {
      const from = pointer(operation, 'from');
      return edit(edit(document, from, 'remove', undefined), path, 'add', find(document, from));
    }
    case 'test':
      if (isDeepStrictEqual(find(document, path), valueOf(operation))) return document;
      throw misfit(`test of "/${path.join('/')}" failed`);
    default:
      throw badRequest(`unknown operation "${String(operation['op'])}" in JSON patch`);
  }
}

function valueOf(operation: JsonObject): unknown {
  if (!('value' in operation))
    throw badRequest(`operation "${String(operation['op'])}" of a JSON patch has a value`);
  return operation['value'];
}

function pointer(operation: JsonObject, field: 'path' | 'from'): string[] {
  const text = operation[field];
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/')))
    throw badRequest(`"${field}" of a JSON patch operation is a JSON pointer`);
  return text
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function find(document: unknown, path: readonly string[]): unknown {
  let at: unknown = document;
  for (const step of path) {
    if (Array.isArray(at)) at = (at as unknown[])[indexOf(step)];
    else if (isObject(at) && Object.hasOwn(at, step)) at = at[step];
    else at = undefined;
    if (at === undefined) throw misfit(`nothing at "/${path.join('/')}"`);
  }
  return at;
}

type Edit = 'add' | 'replace' | 'remove';

function edit(at: unknown, path: readonly string[], how: Edit, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(at)) return editList(at as unknown[], step, rest, how, value);
  if (!isObject(at) || step === '__proto__') throw misfit(`nothing at "${step}"`);
  const exists = Object.hasOwn(at, step);
  if (!exists && (rest.length > 0 || how !== 'add')) throw misfit(`nothing at "${step}"`);
  const copy: Record<string, unknown> = { ...at };
  if (rest.length > 0) copy[step] = edit(at[step], rest, how, value);
  else if (how === 'remove') delete copy[step];
  else copy[step] = value;
  return copy;
}

function editList(
  list: readonly unknown[],
  step: string,
  rest: readonly string[],
  how: Edit,
  value: unknown,
): unknown[] {
  const last = rest.length === 0;
  const index = step === '-' && last && how === 'add' ? list.length : indexOf(step);
  if (!(index < list.length || (last && how === 'add' && index === list.length)))
    throw misfit(`no element "${step}"`);
  const copy = [...list];
  if (!last) copy[index] = edit(list[index], rest, how, value);
  else if (how === 'add') copy.splice(index, 0, value);
  else if (how === 'remove') copy.splice(index, 1);
  else copy[index] = value;
  return copy;
}

/** NaN for what is no index. */
function indexOf(step: string): number {
  return /^(0|[1-9]\d*)$/.test(step) ? Number(step) : NaN;
}

function misfit(why: string): StatusError {
  return new StatusError(
    422,
    'Invalid',
    `the server rejected our request due to an error in our request: ${why}`,
  );
}
