/**
 * The environment and the flags as layers: both name a leaf of the schema and give it as text. Texts become what the leaf's kind asks
 * for; whether the result fits is the schema's business.
 */
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { Layer } from './layer.js';
import type { LeafInfo } from './leaves.js';
import { nearest } from './suggest.js';
import { environmentName, leavesOf, type Leaf } from './walk.js';

const PREFIX = 'TRUNKLINE_';

/** Read by the command line, its tests or `loadConfig`; not values of the configuration. */
const OTHER_VARIABLES = new Set([
  'TRUNKLINE_CONFIG',
  'TRUNKLINE_URL',
  'TRUNKLINE_ORG',
  'TRUNKLINE_TOKEN',
  'TRUNKLINE_API_KEY',
  'TRUNKLINE_CLI',
]);

/** What hosting platforms call the database that they provide. `TRUNKLINE_STORE_URL` goes before it; other databases than PostgreSQL are not meant. */
const DATABASE_URL = { name: 'DATABASE_URL', leaf: 'store.url', pattern: /^postgres(ql)?:\/\// } as const;

/**
 * What Kubernetes adds to every container for a service whose name starts with `trunkline` (`TRUNKLINE_SERVER_PORT=tcp://10.0.0.7:8000`
 * among them, which would otherwise be taken for the port).
 */
const SERVICE_LINK_NAME =
  /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const SERVICE_LINK_VALUE = /^(tcp|udp|sctp):\/\//;

/** Flags that people type, and the leaf each stands for. */
const SHORT_FLAGS: Readonly<Record<string, string>> = {
  port: 'server.port',
  host: 'server.host',
  dev: 'development',
  demo: 'kube.demo.run',
};

/** What a short flag that stands alone says, where it is no switch. */
const ALONE: Readonly<Record<string, string>> = { demo: 'start' };

export function readEnvironmentLayer(
  root: z.ZodType,
  env: Readonly<Record<string, string | undefined>>,
): Layer {
  const layer = new Layer();
  const leaves = new Map(leavesOf(root).map((leaf) => [environmentName(leaf.path), leaf]));
  const provided = env[DATABASE_URL.name];
  const store = leavesOf(root).find((leaf) => leaf.path.join('.') === DATABASE_URL.leaf);
  if (store && provided !== undefined && DATABASE_URL.pattern.test(provided))
    assign(layer, store, provided, `env:${DATABASE_URL.name}`);
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || !name.startsWith(PREFIX) || OTHER_VARIABLES.has(name)) continue;
    if (SERVICE_LINK_VALUE.test(value) && name.includes('_PORT')) continue;
    const leaf = leaves.get(name);
    if (leaf) {
      assign(layer, leaf, value, `env:${name}`);
    } else if (!SERVICE_LINK_NAME.test(name)) {
      layer.problems.push({
        path: '',
        message: `unknown variable ${name}${didYouMean(nearest(name, leaves.keys()))}`,
        source: `env:${name}`,
      });
    }
  }
  return layer;
}

export interface FlagsLayer {
  readonly layer: Layer;
  /** `--config` (or `-c`). */
  readonly file?: string;
}

/** `--server.port 9000`, `--server.port=9000`, `--port 9000`; a switch may stand alone. */
export function readFlagsLayer(root: z.ZodType, flags: readonly string[]): FlagsLayer {
  const layer = new Layer();
  const leaves = new Map(leavesOf(root).map((leaf) => [leaf.path.join('.'), leaf]));
  const problem = (message: string): unknown => layer.problems.push({ path: '', message, source: 'flag' });
  let file: string | undefined;
  for (let index = 0; index < flags.length; index++) {
    const flag = flags[index] ?? '';
    const match = /^(?:--([^=]+)|-([a-z]))(?:=(.*))?$/s.exec(flag);
    if (!match) {
      problem(`unexpected argument ${JSON.stringify(flag)}`);
      continue;
    }
    const name = match[1] ?? match[2] ?? '';
    const isFile = name === 'config' || name === 'c';
    const leaf = leaves.get(Object.hasOwn(SHORT_FLAGS, name) ? (SHORT_FLAGS[name] ?? name) : name);
    if (!leaf && !isFile) {
      problem(
        `unknown flag ${flag.split('=')[0]}${didYouMean(nearest(name, [...leaves.keys(), ...Object.keys(SHORT_FLAGS), 'config']), '--')}`,
      );
      if (match[3] === undefined && isValue(flags[index + 1])) index++;
      continue;
    }
    const takesNext =
      match[3] === undefined &&
      !Object.hasOwn(ALONE, name) &&
      isValue(flags[index + 1]) &&
      (leaf?.info.kind !== 'switch' || toSwitch(flags[index + 1] ?? '') !== undefined);
    const value =
      match[3] ??
      (takesNext
        ? flags[++index]
        : leaf?.info.kind === 'switch'
          ? 'true'
          : Object.hasOwn(ALONE, name)
            ? ALONE[name]
            : undefined);
    if (value === undefined) problem(`${flag} needs a value`);
    else if (leaf) assign(layer, leaf, value, 'flag');
    else file = value;
  }
  return { layer, ...(file === undefined ? {} : { file }) };
}

export function didYouMean(name: string | undefined, prefix = ''): string {
  return name === undefined ? '' : `, did you mean ${prefix}${name}?`;
}

function assign(layer: Layer, leaf: Leaf, value: string, source: string): void {
  layer.set(leaf.path, fromText(leaf.info, value), source);
}

/** Text that does not have the kind's form is handed on as it is: the schema then says what it expected. */
function fromText(info: LeafInfo, value: string): unknown {
  switch (info.kind) {
    case 'integer':
      return /^[+-]?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;
    case 'switch':
      return toSwitch(value) ?? value;
    case 'list':
      return value.trim().startsWith('[') ? fromYaml(value) : splitList(value);
    case 'records':
    case 'object':
      return fromYaml(value);
    case 'text':
    case 'duration':
    case 'size':
    case 'choice':
      return value;
  }
}

function toSwitch(value: string): boolean | undefined {
  if (/^(true|1|yes|on)$/i.test(value)) return true;
  return /^(false|0|no|off)$/i.test(value) ? false : undefined;
}

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function fromYaml(value: string): unknown {
  try {
    return parseYaml(value) as unknown;
  } catch {
    return value;
  }
}

function isValue(argument: string | undefined): boolean {
  return argument !== undefined && !argument.startsWith('--');
}
