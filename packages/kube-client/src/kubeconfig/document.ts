/**
 * A kubeconfig as text turned into named clusters, users and contexts. Only the shape is judged here: fields of the wrong type are refused with their place
 * (`users[dev].user.token`), and nothing that the text names is opened, run or asked.
 */
import { Lexer, parse, Parser } from 'yaml';
import { KubeError } from '../errors.js';

export type Fields = Readonly<Record<string, unknown>>;

/** A named entry with the place of its fields, for errors. */
export interface Entry {
  readonly fields: Fields;
  readonly place: string;
}

export interface Kubeconfig {
  readonly currentContext: string;
  readonly contexts: ReadonlyMap<string, Entry>;
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
}

/** What one context says. */
export interface ContextParts {
  readonly name: string;
  /** Default namespace; empty where the context names none. */
  readonly namespace: string;
  readonly cluster: Entry;
  /** Without a user the requests are anonymous. */
  readonly user: Entry;
}

export interface TextBounds {
  /** Longest kubeconfig in UTF-16 code units. */
  readonly maxChars: number;
  /** Most tokens of YAML: reading them is what costs time, some 15 µs for each. A field is four to six of them, whatever its length. */
  readonly maxTokens: number;
}

/** For files of an operator: a thousand contexts. */
const OWN_FILE: TextBounds = { maxChars: 1_048_576, maxTokens: 200_000 };
/** Deepest nesting; what counts in a kubeconfig has eight levels. */
const DEPTH_MAX = 64;

/** Throws `kubeconfigInvalid`. Aliases are refused: no tool writes them, and a few make gigabytes. */
export function parseKubeconfig(text: string, bounds = OWN_FILE): Kubeconfig {
  if (text.length > bounds.maxChars) throw invalid(`more than ${bounds.maxChars} characters`);
  checkTokens(text, bounds.maxTokens);
  let document: unknown;
  try {
    // Any text but `true`, `12` and the like stays text; warnings are for people at a terminal. Of fields with one name the last counts: to look for such costs the library the
    // square of their number, minutes for a megabyte.
    document = parse(text, { schema: 'core', maxAliasCount: 0, logLevel: 'error', uniqueKeys: false });
  } catch (cause) {
    throw new KubeError('kubeconfigInvalid', 'no YAML', { cause });
  }
  const root = fieldsOf(document, 'kubeconfig');
  return {
    currentContext: textOf({ fields: root, place: '' }, 'current-context') ?? '',
    contexts: named(root, 'contexts', 'context'),
    clusters: named(root, 'clusters', 'cluster'),
    users: named(root, 'users', 'user'),
  };
}

/** The parts of a context; the current one where no name is given. Throws `kubeconfigInvalid` where something it names is not there. */
export function contextOf(config: Kubeconfig, given?: string): ContextParts {
  const name = given ?? config.currentContext;
  if (name === '') throw invalid('current-context: missing, and no context was named');
  const context = config.contexts.get(name);
  if (context === undefined) throw invalid(`contexts: there is no "${name}"`);
  const find = (entries: ReadonlyMap<string, Entry>, field: string): Entry => {
    const wanted = requiredText(context, field);
    const entry = entries.get(wanted);
    if (entry === undefined) throw invalid(`${field}s: there is no "${wanted}"`);
    return entry;
  };
  const hasUser = (textOf(context, 'user') ?? '') !== '';
  return {
    name,
    namespace: textOf(context, 'namespace') ?? '',
    cluster: find(config.clusters, 'cluster'),
    user: hasUser ? find(config.users, 'user') : { fields: {}, place: 'user' },
  };
}

/** Text of a field; undefined where it is missing, null or empty. */
export function textOf({ fields, place }: Entry, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string')
    throw invalid(`${placeOf(place, name)}: text expected (in quotes where it looks like a number)`);
  return value;
}

export function requiredText(entry: Entry, name: string): string {
  const value = textOf(entry, name);
  if (value === undefined) throw invalid(`${placeOf(entry.place, name)}: missing`);
  return value;
}

export function flagOf({ fields, place }: Entry, name: string): boolean {
  const value = fields[name] ?? false;
  if (typeof value !== 'boolean') throw invalid(`${placeOf(place, name)}: true or false expected`);
  return value;
}

/** Texts of a list; empty where the field is missing. */
export function textsOf({ fields, place }: Entry, name: string): readonly string[] {
  const values = fields[name] ?? [];
  if (!Array.isArray(values) || values.some((value) => typeof value !== 'string'))
    throw invalid(`${placeOf(place, name)}: a list of texts expected`);
  return values as readonly string[];
}

/** PEM out of a field in base64. */
export function pemOf(entry: Entry, name: string): string | undefined {
  const text = textOf(entry, name);
  if (text === undefined) return undefined;
  const pem = Buffer.from(text, 'base64').toString();
  if (!pem.includes('-----BEGIN ')) throw invalid(`${placeOf(entry.place, name)}: PEM in base64 expected`);
  return pem;
}

/** A field that holds fields. */
export function entryOf({ fields, place }: Entry, name: string): Entry | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  return { fields: fieldsOf(value, placeOf(place, name)), place: placeOf(place, name) };
}

export function placeOf(place: string, name: string): string {
  return place === '' ? name : `${place}.${name}`;
}

export function invalid(detail: string): KubeError {
  return new KubeError('kubeconfigInvalid', detail);
}

function named(root: Fields, list: string, field: string): Map<string, Entry> {
  const entries = root[list] ?? [];
  if (!Array.isArray(entries)) throw invalid(`${list}: a list expected`);
  const found = new Map<string, Entry>();
  for (const [index, value] of entries.entries()) {
    const entry = { fields: fieldsOf(value, `${list}[${index}]`), place: `${list}[${index}]` };
    const name = requiredText(entry, 'name');
    const place = `${list}[${name}].${field}`;
    // As the official tools do: the first of a name counts.
    if (!found.has(name)) found.set(name, { fields: fieldsOf(entry.fields[field] ?? {}, place), place });
  }
  return found;
}

/**
 * The YAML library builds values recursively. Nested deeply enough, a text brings it to the end of the stack, where V8 may end the whole process instead of throwing: the test of
 * KCL-50 did. Its parser of tokens is a loop and can be asked on the way.
 */
function checkTokens(text: string, maxTokens: number): void {
  const parser = new Parser();
  let tokens = 0;
  for (const token of new Lexer().lex(text)) {
    // What is done with is not wanted here.
    const finished = parser.next(token);
    while (finished.next().done !== true);
    if (parser.stack.length > DEPTH_MAX) throw invalid(`more than ${DEPTH_MAX} levels`);
    if (++tokens > maxTokens) throw invalid(`more than ${maxTokens} tokens of YAML`);
  }
}

function fieldsOf(value: unknown, place: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${place}: fields expected`);
  return value as Fields;
}
