/**
 * Checks data against a JSON Schema while it is typed: the part of draft 2020-12 that contracts use. Nothing is compiled, because the page's
 * security policy forbids making code from text. An unknown keyword is no finding: the server has the last word. Pure.
 */
export interface Finding {
  /** Where, as in `items[2].name`; '' is the whole. */
  readonly path: string;
  readonly message: string;
}

export type Schema = Readonly<Record<string, unknown>>;

/** Findings shown at once. */
const MOST = 8;
/** A schema may refer to itself, and data may be deep. */
const DEEPEST = 64;

export function check(schema: Schema, value: unknown): readonly Finding[] {
  const findings: Finding[] = [];
  visit(
    { root: schema, report: (finding) => findings.length < MOST && findings.push(finding) },
    schema,
    value,
    '',
    0,
  );
  return findings;
}

interface Context {
  readonly root: Schema;
  readonly report: (finding: Finding) => void;
}

function visit(context: Context, given: unknown, value: unknown, path: string, depth: number): void {
  if (given === false) return context.report({ path, message: 'must not be there' });
  if (given === true || depth > DEEPEST || !isObject(given)) return;
  const schema = resolve(context.root, given);
  const say = (message: string): void => context.report({ path, message });
  const next = (part: unknown, inner: unknown, where: string): void =>
    visit(context, part, inner, where, depth + 1);

  const types = list(schema['type']).filter((one) => typeof one === 'string');
  if (types.length > 0 && !types.some((type) => isOf(type, value))) {
    say(`must be ${types.map(withArticle).join(' or ')}, is ${withArticle(typeOf(value))}`);
    return;
  }
  if ('const' in schema && !same(schema['const'], value)) say(`must be ${JSON.stringify(schema['const'])}`);
  const allowed = schema['enum'];
  if (Array.isArray(allowed) && !allowed.some((one) => same(one, value)))
    say(`must be one of ${allowed.map((one) => JSON.stringify(one)).join(', ')}`);
  for (const part of list(schema['allOf'])) next(part, value, path);
  choose(context, schema, value, path, depth);
  if (typeof value === 'number') checkNumber(schema, value, say);
  if (typeof value === 'string') checkText(schema, value, say);
  if (Array.isArray(value)) checkItems(schema, value, path, say, next);
  else if (isObject(value)) checkFields(schema, value, path, say, next);
}

/** Where one of several must fit, the findings of the nearest one are the useful ones. */
function choose(context: Context, schema: Schema, value: unknown, path: string, depth: number): void {
  const options = [...list(schema['anyOf']), ...list(schema['oneOf'])];
  if (options.length === 0) return;
  let nearest: readonly Finding[] | undefined;
  for (const option of options) {
    const findings: Finding[] = [];
    visit({ ...context, report: (finding) => findings.push(finding) }, option, value, path, depth + 1);
    if (findings.length === 0) return;
    if (nearest === undefined || findings.length < nearest.length) nearest = findings;
  }
  for (const finding of nearest ?? []) context.report(finding);
}

function checkNumber(schema: Schema, value: number, say: (message: string) => void): void {
  const bound = (name: string): number | undefined =>
    typeof schema[name] === 'number' ? schema[name] : undefined;
  const [min, max, above, below] = [
    bound('minimum'),
    bound('maximum'),
    bound('exclusiveMinimum'),
    bound('exclusiveMaximum'),
  ];
  if (min !== undefined && value < min) say(`must be at least ${min}`);
  if (max !== undefined && value > max) say(`must be at most ${max}`);
  if (above !== undefined && value <= above) say(`must be more than ${above}`);
  if (below !== undefined && value >= below) say(`must be less than ${below}`);
}

function checkText(schema: Schema, value: string, say: (message: string) => void): void {
  const { minLength, maxLength, pattern } = schema;
  if (typeof minLength === 'number' && value.length < minLength)
    say(`must have at least ${minLength} characters`);
  if (typeof maxLength === 'number' && value.length > maxLength)
    say(`must have at most ${maxLength} characters`);
  if (typeof pattern === 'string' && matches(pattern, value) === false) say(`must match ${pattern}`);
}

function checkItems(
  schema: Schema,
  value: readonly unknown[],
  path: string,
  say: (message: string) => void,
  next: (part: unknown, inner: unknown, where: string) => void,
): void {
  const { minItems, maxItems, items } = schema;
  if (typeof minItems === 'number' && value.length < minItems) say(`must have at least ${minItems} items`);
  if (typeof maxItems === 'number' && value.length > maxItems) say(`must have at most ${maxItems} items`);
  const first = list(schema['prefixItems']);
  for (const [index, inner] of value.entries()) {
    const part = index < first.length ? first[index] : items;
    if (part !== undefined) next(part, inner, `${path}[${index}]`);
  }
}

function checkFields(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  say: (message: string) => void,
  next: (part: unknown, inner: unknown, where: string) => void,
): void {
  for (const name of list(schema['required']))
    if (typeof name === 'string' && !Object.hasOwn(value, name)) say(`needs ${name}`);
  const known = isObject(schema['properties']) ? schema['properties'] : {};
  const { additionalProperties: others, propertyNames } = schema;
  for (const [name, inner] of Object.entries(value)) {
    const where = path === '' ? name : `${path}.${name}`;
    if (propertyNames !== undefined) next(propertyNames, name, `name ${where}`);
    if (Object.hasOwn(known, name)) next(known[name], inner, where);
    else if (others !== undefined) next(others, inner, where);
  }
}

/** `#/$defs/name` and the root itself; a reference that leads nowhere says nothing. */
function resolve(root: Schema, schema: Schema): Schema {
  let current = schema;
  for (let steps = 0; steps < DEEPEST && typeof current['$ref'] === 'string'; steps++) {
    let target: unknown = root;
    for (const part of current['$ref']
      .replace(/^#\/?/, '')
      .split('/')
      .filter((one) => one !== ''))
      target = isObject(target) ? target[part.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined;
    if (!isObject(target)) return {};
    current = target;
  }
  return current;
}

function matches(pattern: string, value: string): boolean | undefined {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return undefined;
  }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function isOf(type: string, value: unknown): boolean {
  return type === 'integer' ? Number.isInteger(value) : typeOf(value) === type;
}

function withArticle(type: string): string {
  if (type === 'null') return type;
  return /^[aio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
