/**
 * What the audit log says of a change: that it was asked for, before the cluster hears of it, and what came of it. Records cannot be changed, so these are two; the id of the change holds them together (that of a request is the caller's to choose). Neither has
 * anything of a body but the name of what is created.
 */
import { randomId, type Logger, type Random } from '@trunkline/base';
import type { RouteRequest } from '@trunkline/hub';
import type { KubeAnswer } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { Audit, Deed } from '../ports.js';
import type { Target } from './target.js';

export interface RecordsDeps {
  readonly random: Random;
  readonly logger: Logger;
  readonly audit: Audit;
}

/** Characters of the id of a change. */
const CHANGE_LENGTH = 16;

export class Records {
  readonly #deps: RecordsDeps;
  readonly #deed: Deed;
  readonly #change: string;

  constructor(deps: RecordsDeps, deed: Deed) {
    this.#deps = deps;
    this.#deed = deed;
    this.#change = randomId(deps.random, CHANGE_LENGTH);
  }

  /** What cannot be recorded is not done: throws a `CodedError`. */
  async before(particulars: Readonly<Record<string, string>>): Promise<void> {
    try {
      await this.#deps.audit({
        ...this.#deed,
        details: { change: this.#change, ...particulars, outcome: 'asked' },
      });
    } catch (cause) {
      if (cause instanceof CodedError) throw cause;
      throw new CodedError('sourceUnavailable', 'the audit log takes no record', { cause });
    }
  }

  /** Settles as the request does, after the record of how. */
  async outcomeOf(request: Promise<KubeAnswer>): Promise<KubeAnswer> {
    try {
      const answer = await request;
      await this.#after({ outcome: 'answered', status: answer.status });
      return answer;
    } catch (cause) {
      // No answer came, and it may have been done.
      await this.#after({
        outcome: 'unknown',
        error: cause instanceof CodedError ? cause.message : 'internal',
      });
      throw cause;
    }
  }

  /** It is done: what cannot be said of it any more is no reason to keep the answer back. */
  async #after(outcome: Readonly<Record<string, unknown>>): Promise<void> {
    const { cluster, verb, path, requestId } = this.#deed;
    const details = { change: this.#change, ...outcome };
    try {
      await this.#deps.audit({ ...this.#deed, details });
    } catch (error) {
      this.#deps.logger.error({ error, requestId, cluster, verb, path, ...details }, 'outcome not recorded');
    }
  }
}

/** What of the query says how much is changed, and whether anything is. */
const PARTICULARS = [
  'dryRun',
  'labelSelector',
  'fieldSelector',
  'force',
  'propagationPolicy',
  'fieldManager',
];
/** Of these, what API servers take from the body of a DELETE and from nowhere else, where it has one. */
const OF_DELETING = new Set(['dryRun', 'propagationPolicy']);
/** Longest value that is recorded, in characters. */
const VALUE_MAX = 256;

/** With the name of what is created, which its path does not say. */
export function particularsOf(
  method: string,
  { query, about }: Target,
  request: RouteRequest,
): Readonly<Record<string, string>> {
  const document = documentOf(request);
  const isByBody = method === 'DELETE' && request.body instanceof Uint8Array;
  const valueOf = (field: string): string | undefined =>
    isByBody && OF_DELETING.has(field) ? toText(document?.[field]) : (query.get(field) ?? undefined);
  const values = [
    ['name', method === 'POST' && about?.name === undefined ? draftName(document) : undefined] as const,
    ...PARTICULARS.map((field) => [field, valueOf(field)] as const),
  ];
  return Object.fromEntries(
    values.flatMap(([field, value]) => (value === undefined ? [] : [[field, plain(value)] as const])),
  );
}

/** Without what a reader of the log would not see, and a database not take. */
function plain(value: string): string {
  return value.slice(0, VALUE_MAX).replace(/\p{C}/gu, '\ufffd');
}

type Fields = Readonly<Record<string, unknown>>;

function draftName(document: Fields | undefined): string | undefined {
  const { name, generateName } = (document?.['metadata'] ?? {}) as Fields;
  return toText(name ?? generateName);
}

function toText(value: unknown): string | undefined {
  if (Array.isArray(value))
    return value.every((one) => typeof one === 'string') ? value.join(',') : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** Longest body that is read: a larger one would hold up others. */
const READ_MAX_BYTES = 262_144;

/** Undefined where there is none, it is no JSON, or an API server could read another thing in it. */
function documentOf({ body, headers }: RouteRequest): Fields | undefined {
  if (!(body instanceof Uint8Array) || body.length > READ_MAX_BYTES) return undefined;
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) return undefined;
  try {
    const text = new TextDecoder().decode(body);
    const document: unknown = JSON.parse(text);
    if (typeof document !== 'object' || document === null) return undefined;
    return colonsIn(text) === membersIn(document) ? (document as Fields) : undefined;
  } catch {
    // Text that nests too deep fails here as well.
    return undefined;
  }
}

/** Of a text of JSON, outside of its strings: one for each member of its objects. There are more than members where a key stands twice, and then one reader takes the last and another both. */
function colonsIn(text: string): number {
  return text.replace(/"(?:[^"\\]+|\\.)*"/g, '').split(':').length - 1;
}

function membersIn(value: object): number {
  const values: unknown[] = Object.values(value);
  const within = values.map((one) => (typeof one === 'object' && one !== null ? membersIn(one) : 0));
  return within.reduce((sum, count) => sum + count, Array.isArray(value) ? 0 : values.length);
}
