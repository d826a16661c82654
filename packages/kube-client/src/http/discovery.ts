/** Which resources a cluster has, custom ones included. A group whose server is away is reported and hides no other. */
import { KubeError } from '../errors.js';
import { toUrlPath, type KubeResource } from '../question.js';
import { Semaphore } from '../semaphore.js';
import type { Exchange } from './exchange.js';

export interface ResourceInfo extends KubeResource {
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** The version that the server prefers within its group. */
  readonly preferred: boolean;
}

export interface Discovery {
  /** Without subresources; core first, then as the server lists them. */
  readonly resources: readonly ResourceInfo[];
  readonly failures: readonly {
    readonly group: string;
    readonly version: string;
    readonly error: KubeError;
  }[];
}

/** Groups asked at once. */
const PARALLEL = 4;
/** More versions of groups are no cluster's: each of them is a request. */
const MAX_VERSIONS = 2_000;

type Fields = Readonly<Record<string, unknown>>;

/** Fails only where the lists of groups cannot be read. */
export async function discover(exchange: Exchange, signal?: AbortSignal): Promise<Discovery> {
  const call = signal ? { signal } : {};
  const [core, named] = await Promise.all([
    exchange.readJson({ path: '/api', ...call }),
    exchange.readJson({ path: '/apis', ...call }),
  ]);
  const versions = [...coreVersions(core), ...namedVersions(named)];
  if (versions.length > MAX_VERSIONS)
    throw new KubeError('kubeTooLarge', `more than ${MAX_VERSIONS} versions of API groups`);
  const slots = new Semaphore(PARALLEL);
  const failures: { group: string; version: string; error: KubeError }[] = [];
  const found = await Promise.all(
    versions.map(async ({ group, version, preferred }) => {
      try {
        const path = toUrlPath(group === '' ? ['api', version] : ['apis', group, version]);
        const list = await slots.run(() => exchange.readJson({ path, ...call }), signal);
        return toResources(list, group, version, preferred);
      } catch (error) {
        if (!(error instanceof KubeError)) throw error;
        failures.push({ group, version, error });
        return [];
      }
    }),
  );
  return { resources: found.flat(), failures };
}

function coreVersions(answer: unknown): { group: string; version: string; preferred: boolean }[] {
  const versions = arrayOf(fieldsOf(answer)['versions']).filter((version) => typeof version === 'string');
  return versions.map((version, index) => ({ group: '', version, preferred: index === 0 }));
}

function namedVersions(answer: unknown): { group: string; version: string; preferred: boolean }[] {
  return arrayOf(fieldsOf(answer)['groups']).flatMap((entry) => {
    const group = fieldsOf(entry);
    const preferred = textOf(fieldsOf(group['preferredVersion'])['version']);
    return arrayOf(group['versions'])
      .map((version) => textOf(fieldsOf(version)['version']))
      .filter((version) => version !== '')
      .map((version) => ({ group: textOf(group['name']), version, preferred: version === preferred }));
  });
}

function toResources(answer: unknown, group: string, version: string, preferred: boolean): ResourceInfo[] {
  return arrayOf(fieldsOf(answer)['resources'])
    .map(fieldsOf)
    .filter((entry) => textOf(entry['name']) !== '' && !textOf(entry['name']).includes('/'))
    .map((entry) => ({
      group,
      version,
      preferred,
      resource: textOf(entry['name']),
      kind: textOf(entry['kind']),
      namespaced: entry['namespaced'] === true,
      verbs: textsOf(entry['verbs']),
      shortNames: textsOf(entry['shortNames']),
      categories: textsOf(entry['categories']),
    }));
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: unknown): readonly string[] {
  return arrayOf(value).filter((text) => typeof text === 'string');
}
