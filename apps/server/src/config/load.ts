/**
 * One configuration out of four origins: defaults, the YAML file, the environment, flags; later ones win. Reads the file and nothing
 * else; the environment and the flags are handed in. Either everything fits, or `ConfigError` lists all that does not.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { readFileLayer } from './file-layer.js';
import { isTree, Layer, mergeLayers, sourceOf, type ConfigProblem, type Tree } from './layer.js';
import { checkRules } from './rules.js';
import { DEVELOPMENT_DEFAULTS, DEVELOPMENT_DURABLE } from './development.js';
import { configSchema, type Config } from './schema.js';
import { nearest } from './suggest.js';
import { didYouMean, readEnvironmentLayer, readFlagsLayer } from './text-layers.js';
import { formatPath, leavesOf, schemaAt, shapeOf, type Path } from './walk.js';

export interface ConfigInput {
  /** Path of the YAML file. Absent: `--config`, then `TRUNKLINE_CONFIG`, then `trunkline.yaml` in `cwd` if it is there. */
  readonly file?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Command-line arguments, e.g. `['--port', '9000', '--dev']`. */
  readonly flags?: readonly string[];
  /** Where relative paths start. Default: the working directory. */
  readonly cwd?: string;
}

export interface ResolvedConfig {
  readonly values: Config;
  /**
   * Where a value came from, by dotted path: `file:line` (`trunkline.yaml:12`), `env:NAME`, `flag` or `default (development)`. A path
   * without an entry has that of what it lies in, and `default` where there is none; `sourceOf` of layer.ts looks it up.
   */
  readonly sources: ReadonlyMap<string, string>;
  /** The file that was read. */
  readonly file?: string;
  /** Where relative paths start. */
  readonly cwd: string;
}

/** Everything that is wrong with a configuration. The message lists it, one line each. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** `channels.namespaces[2].histroySize: unknown key, did you mean historySize? (trunkline.yaml:31)`. */
export function formatProblem({ path, message, source }: ConfigProblem): string {
  return `${path === '' ? '' : `${path}: `}${message}${source === undefined ? '' : ` (${source})`}`;
}

/** Throws `ConfigError`. */
export function loadConfig(input: ConfigInput = {}): ResolvedConfig {
  const outcome = resolveConfig(input);
  if (outcome.config === undefined) throw new ConfigError(outcome.problems);
  return outcome.config;
}

/** What is wrong with a configuration; empty when nothing is. */
export function configCheck(input: ConfigInput = {}): readonly ConfigProblem[] {
  return resolveConfig(input).problems;
}

type Outcome =
  | { readonly config: ResolvedConfig; readonly problems: readonly [] }
  | { readonly config?: undefined; readonly problems: readonly ConfigProblem[] };

function resolveConfig(input: ConfigInput): Outcome {
  const env = input.env ?? {};
  const cwd = input.cwd ?? process.cwd();
  const flags = readFlagsLayer(configSchema, input.flags ?? []);
  const file = input.file ?? flags.file ?? env['TRUNKLINE_CONFIG'];
  const written = mergeLayers([fileLayer(file, cwd), readEnvironmentLayer(configSchema, env), flags.layer]);
  const merged =
    written.tree['development'] === true ? mergeLayers([developmentLayer(written.tree), written]) : written;
  const parsed = configSchema.safeParse(merged.tree);
  const problems = [...merged.problems];
  const report = (path: Path, message: string): void => {
    const source = sourceOf(merged.sources, path);
    problems.push({ path: formatPath(path), message, ...(source === undefined ? {} : { source }) });
  };
  if (!parsed.success) {
    for (const issue of parsed.error.issues) reportIssue(issue, report);
    return { problems };
  }
  for (const { path, message } of checkRules(parsed.data)) report(path, message);
  if (problems.length > 0) return { problems };
  const read = file ?? (existsSync(resolve(cwd, DEFAULT_FILE)) ? DEFAULT_FILE : undefined);
  return {
    config: {
      values: parsed.data,
      sources: merged.sources,
      cwd,
      ...(read === undefined ? {} : { file: resolve(cwd, read) }),
    },
    problems: [],
  };
}

const DEFAULT_FILE = 'trunkline.yaml';

/** A file that was named must be there; the default one need not. */
function fileLayer(file: string | undefined, cwd: string): Layer {
  const path = resolve(cwd, file ?? DEFAULT_FILE);
  if (file === undefined && !existsSync(path)) return new Layer();
  try {
    return readFileLayer(readFileSync(path, 'utf8'), path);
  } catch (cause) {
    const layer = new Layer();
    const { code, message } = cause as NodeJS.ErrnoException;
    layer.problems.push({
      path: '',
      message: `cannot read the configuration file ${path}: ${code === 'ENOENT' ? 'there is no such file' : message}`,
    });
    return layer;
  }
}

function developmentLayer(written: Tree): Layer {
  const layer = new Layer();
  const add = (tree: object, path: readonly string[]): void => {
    for (const [key, value] of Object.entries(tree) as [string, unknown][]) {
      if (isTree(value)) add(value, [...path, key]);
      else layer.set([...path, key], value, 'default (development)');
    }
  };
  add(DEVELOPMENT_DEFAULTS, []);
  const [store, redis] = [written['store'], written['redis']].map((tree) => (isTree(tree) ? tree : {}));
  // Nodes that share channels over Redis have no store in common unless one is named.
  if (store?.['enabled'] !== false && (redis?.['url'] === undefined || store?.['url'] !== undefined)) {
    const { namespaces } = DEVELOPMENT_DEFAULTS.channels;
    layer.set(['channels', 'namespaces'], [...namespaces, DEVELOPMENT_DURABLE], 'default (development)');
  }
  return layer;
}

function reportIssue(issue: z.core.$ZodIssue, report: (path: Path, message: string) => void): void {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code !== 'unrecognized_keys') {
    report(path, issue.message.startsWith('Invalid input') ? 'expected keys and values' : issue.message);
    return;
  }
  for (const key of issue.keys) report([...path, key], `unknown key${didYouMean(suggestion(path, key))}`);
}

/** A key of the same place, else the only other place that knows this very key. */
function suggestion(path: Path, key: string): string | undefined {
  const here = schemaAt(configSchema, path);
  const near = nearest(key, Object.keys((here && shapeOf(here)) ?? {}));
  if (near !== undefined) return near;
  const elsewhere = leavesOf(configSchema).filter((leaf) => leaf.path.at(-1) === key);
  return elsewhere.length === 1 ? elsewhere[0]?.path.join('.') : undefined;
}
