/**
 * The kinds of value a configuration may hold. Each function makes a zod schema that accepts the readable form, yields the internal
 * one (milliseconds, bytes) and complains in words an operator understands; what else is known of a value (its kind, whether it is a
 * secret, one sentence of help) is registered beside it for the environment, for flags, for `config show` and for the reference.
 */
import { z } from 'zod';
import { parseDuration, parseSize } from './quantity.js';

export type LeafKind =
  'text' | 'integer' | 'switch' | 'duration' | 'size' | 'choice' | 'list' | 'records' | 'object';

export interface LeafInfo {
  readonly kind: LeafKind;
  readonly help: string;
  /** Never printed. */
  readonly secret?: boolean;
  /** Choices, for the reference. */
  readonly choices?: readonly string[];
}

/** What is known of a leaf beyond its type. Wrappers (`default`, `optional`) are looked through by `walk.ts`. */
export const leafInfo = z.registry<LeafInfo>();

interface Bounds {
  readonly min?: number;
  readonly max?: number;
  /** Accepts the word `unlimited`, which is Infinity. */
  readonly unlimited?: boolean;
}

export function text(
  help: string,
  options: { readonly secret?: boolean; readonly pattern?: RegExp; readonly expected?: string } = {},
) {
  const error = complaint(options.expected ?? 'text that is not empty', options.secret);
  let schema = z.string({ error }).min(1, { error });
  if (options.pattern) schema = schema.regex(options.pattern, { error });
  return schema.register(leafInfo, { kind: 'text', help, secret: options.secret === true });
}

export function integer(help: string, bounds: Bounds = {}) {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, unlimited = false } = bounds;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  const error = complaint(`a whole number ${range}${unlimited ? ' or `unlimited`' : ''}`);
  return z
    .union([z.number(), z.literal('unlimited')], { error })
    .transform((given, context): number => {
      const value = given === 'unlimited' ? Infinity : given;
      if (value === Infinity ? unlimited : Number.isSafeInteger(value) && value >= min && value <= max)
        return value;
      return refuse(context, given, error);
    })
    .register(leafInfo, { kind: 'integer', help });
}

export function flag(help: string) {
  return z.boolean({ error: complaint('true or false') }).register(leafInfo, { kind: 'switch', help });
}

/** Milliseconds inside. */
export function duration(help: string, bounds: Bounds = {}) {
  return quantity(
    help,
    'duration',
    parseDuration,
    'a duration such as 250ms, 300s, 5m, 1h or 30d (or a number of milliseconds)',
    bounds,
  );
}

/** Bytes inside. */
export function size(help: string, bounds: Bounds = {}) {
  return quantity(
    help,
    'size',
    parseSize,
    'a size such as 64KiB, 1MiB or 1MB (or a number of bytes)',
    bounds,
  );
}

export function choice<const T extends readonly [string, ...string[]]>(help: string, choices: T) {
  return z
    .enum(choices, { error: complaint(`one of ${choices.join(', ')}`) })
    .register(leafInfo, { kind: 'choice', help, choices });
}

/** A list of texts, or one text alone; in the environment and in flags separated by commas. */
export function list<T extends z.ZodType>(help: string, item: T) {
  return z
    .preprocess(
      (given) => (typeof given === 'string' ? [given] : given),
      z.array(item, { error: complaint('a list') }),
    )
    .readonly()
    .register(leafInfo, { kind: 'list', help });
}

/** A list of objects; in the environment and in flags written as JSON (or YAML in one line). */
export function records<T extends z.ZodType>(help: string, item: T, secret = false) {
  return z
    .array(item, { error: complaint('a list of objects', secret) })
    .readonly()
    .register(leafInfo, { kind: 'records', help, secret });
}

/** An object whose keys are not ours (a JSON Web Key). Never printed: it may hold a secret. */
export function freeForm(help: string) {
  return z
    .record(z.string(), z.unknown(), { error: complaint('an object', true) })
    .register(leafInfo, { kind: 'object', help, secret: true });
}

/** Says what was expected and, unless it is a secret, what was found. */
function complaint(expected: string, secret = false): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => {
    if (input === undefined) return `is required: ${expected}`;
    return secret ? `expected ${expected}` : `expected ${expected}, got ${shown(input)}`;
  };
}

function quantity(
  help: string,
  kind: 'duration' | 'size',
  parse: (given: string | number) => number | undefined,
  expected: string,
  bounds: Bounds,
) {
  const { min = 0, max = Infinity, unlimited = false } = bounds;
  const error = complaint(unlimited ? `${expected}, or \`unlimited\`` : expected);
  return z
    .union([z.number(), z.string()], { error })
    .transform((given, context): number => {
      if (unlimited && (given === 'unlimited' || given === Infinity)) return Infinity;
      const value = parse(given);
      if (value === undefined) return refuse(context, given, error);
      if (value < min || value > max)
        return refuse(
          context,
          given,
          () =>
            `must be ${value < min ? `at least ${min}` : `at most ${max}`} ${kind === 'size' ? 'bytes' : 'ms'}, got ${shown(given)}`,
        );
      return value;
    })
    .register(leafInfo, { kind, help });
}

function refuse(
  context: z.RefinementCtx,
  input: unknown,
  error: (issue: { readonly input?: unknown }) => string,
): never {
  context.addIssue({ code: 'custom', message: error({ input }), input });
  return z.NEVER;
}

function shown(input: unknown): string {
  const json = JSON.stringify(input) ?? String(input);
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}
