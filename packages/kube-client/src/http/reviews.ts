/** Questions about rights: the API server decides, here they are only put into words. */
import { KubeError } from '../errors.js';
import type { Exchange } from './exchange.js';
import type { Impersonation } from '../connection.js';

export interface AccessQuestion {
  /** E.g. `list`, `watch`, `get`. */
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly version?: string;
  /** Without it: all namespaces, or a resource that has none. */
  readonly namespace?: string;
  readonly name?: string;
}

export interface AccessAnswer {
  readonly allowed: boolean;
  /** The API server's own words; often empty. */
  readonly reason: string;
}

export interface ResourceRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

export interface AccessRules {
  readonly rules: readonly ResourceRule[];
  /** The server could not name all rules: what is not listed may still be allowed. */
  readonly incomplete: boolean;
}

const ROOT = '/apis/authorization.k8s.io/v1';

/** Whether we (or whom we impersonate) may do it. */
export async function reviewSelf(
  exchange: Exchange,
  question: AccessQuestion,
  signal?: AbortSignal,
): Promise<AccessAnswer> {
  return toAnswer(
    await review(
      exchange,
      'selfsubjectaccessreviews',
      'SelfSubjectAccessReview',
      { resourceAttributes: question },
      signal,
    ),
  );
}

/** Whether `who` may do it. Needs the right to create SubjectAccessReviews. */
export async function reviewSubject(
  exchange: Exchange,
  who: Impersonation,
  question: AccessQuestion,
  signal?: AbortSignal,
): Promise<AccessAnswer> {
  const spec = { user: who.user, groups: who.groups ?? [], resourceAttributes: question };
  return toAnswer(await review(exchange, 'subjectaccessreviews', 'SubjectAccessReview', spec, signal));
}

/** What we (or whom we impersonate) may do in a namespace. */
export async function reviewRules(
  exchange: Exchange,
  namespace: string,
  signal?: AbortSignal,
): Promise<AccessRules> {
  const status = await review(
    exchange,
    'selfsubjectrulesreviews',
    'SelfSubjectRulesReview',
    { namespace },
    signal,
  );
  const rules = Array.isArray(status['resourceRules']) ? (status['resourceRules'] as readonly unknown[]) : [];
  return { rules: rules.map(toRule), incomplete: status['incomplete'] === true };
}

async function review(
  exchange: Exchange,
  resource: string,
  kind: string,
  spec: object,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  // It is created, but it changes nothing: it may be asked again.
  const answer = await exchange.readJson({
    method: 'POST',
    path: `${ROOT}/${resource}`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind, spec }),
    ...(signal ? { signal } : {}),
  });
  const status = (answer as { readonly status?: unknown } | null)?.status;
  if (typeof status !== 'object' || status === null)
    throw new KubeError('kubeBadAnswer', 'status: missing in a review');
  return status as Readonly<Record<string, unknown>>;
}

/** Anything but a plain yes is a no. */
function toAnswer({ allowed, denied, reason }: Readonly<Record<string, unknown>>): AccessAnswer {
  return { allowed: allowed === true && denied !== true, reason: typeof reason === 'string' ? reason : '' };
}

function toRule(rule: unknown): ResourceRule {
  const fields = (rule ?? {}) as Readonly<Record<string, unknown>>;
  const texts = (name: string): readonly string[] =>
    Array.isArray(fields[name])
      ? fields[name].filter((text): text is string => typeof text === 'string')
      : [];
  return {
    verbs: texts('verbs'),
    apiGroups: texts('apiGroups'),
    resources: texts('resources'),
    resourceNames: texts('resourceNames'),
  };
}
