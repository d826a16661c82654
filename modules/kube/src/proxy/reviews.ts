/**
 * The questions that consoles ask to learn what to show: may I, what may I, who am I. They are created like objects, and change nothing: everybody may ask them, in their own name. What this server would
 * not pass on, whatever the cluster allows, is answered with no.
 */
import type { RouteRequest, RouteResponse } from '@trunkline/hub';
import { KubeError } from '@trunkline/kube-client';
import type { ViewedCluster } from '../ports.js';
import type { ApiPath } from '../wires/api-path.js';
import { pass, say } from './answers.js';
import { pathOf, ROOTS, type Target } from './target.js';
import type { Passage } from './under-way.js';

type Asked = 'access' | 'rules' | 'subject';

const REVIEWS: Readonly<Record<string, Asked>> = {
  'authorization.k8s.io/selfsubjectaccessreviews': 'access',
  'authorization.k8s.io/selfsubjectrulesreviews': 'rules',
  'authentication.k8s.io/selfsubjectreviews': 'subject',
};

/** A question is some hundred bytes long. */
const BODY_MAX_BYTES = 65_536;

/** Undefined for what is no question about the caller. */
export function reviewOf(about: ApiPath | undefined): Asked | undefined {
  if (about === undefined || about.namespace !== undefined || about.name !== undefined) return undefined;
  const key = `${about.group}/${about.resource}`;
  return Object.hasOwn(REVIEWS, key) ? REVIEWS[key] : undefined;
}

/** What the caller may do through this server besides reading. */
export interface Doing {
  readonly writes: boolean;
  readonly exec: boolean;
}

export interface Review {
  readonly viewed: Pick<ViewedCluster, 'own' | 'confinedTo'>;
  readonly target: Target;
  readonly asked: Asked;
  readonly doing: Doing;
}

/** Throws `kubeRefused` for what is no such question. */
export async function review(
  { viewed, target, asked, doing }: Review,
  request: RouteRequest,
  maxBytes: number,
  { signal, release }: Passage,
): Promise<RouteResponse> {
  const { text, fields } = parse(request);
  const ours = answerHere(asked, fields['spec'], viewed.confinedTo, doing);
  if (ours !== undefined) {
    release();
    const { about } = target;
    const apiVersion = `${about?.group ?? ''}/${about?.version ?? ''}`;
    const metadata = { creationTimestamp: null };
    return say(201, { kind: ours.kind, apiVersion, metadata, spec: fields['spec'], status: ours.status });
  }
  const answer = await viewed.own.request({
    method: 'POST',
    path: pathOf(target.segments, target.query),
    headers: { accept: request.headers['accept'] ?? 'application/json', 'content-type': 'application/json' },
    body: text,
    signal,
  });
  return pass(answer, maxBytes, release);
}

type Fields = Readonly<Record<string, unknown>>;

/** The text is written anew: a field that stands there twice is asked about as it was read here. */
function parse({ body, headers }: RouteRequest): { readonly text: string; readonly fields: Fields } {
  if (!(body instanceof Uint8Array)) throw new KubeError('kubeRefused', 'body: missing');
  if (body.length > BODY_MAX_BYTES)
    throw new KubeError('kubeTooLarge', `body: more than ${BODY_MAX_BYTES} bytes`);
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? ''))
    throw new KubeError('kubeRefused', 'content-type: application/json expected');
  try {
    const fields = asFields(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)));
    // Text that nests too deep fails here as well.
    if (fields !== undefined) return { text: JSON.stringify(fields), fields };
  } catch {
    // Said below.
  }
  throw new KubeError('kubeRefused', 'body: a JSON object expected');
}

/** Undefined: it is for the API server to say. */
function answerHere(
  asked: Asked,
  spec: unknown,
  confinedTo: readonly string[] | undefined,
  doing: Doing,
): { readonly kind: string; readonly status: object } | undefined {
  if (asked === 'access') {
    const { resourceAttributes, nonResourceAttributes } = asFields(spec) ?? {};
    const [about, place] = [asFields(resourceAttributes), asFields(nonResourceAttributes)];
    const reason =
      (about === undefined ? undefined : refusalOf(about, confinedTo, doing)) ??
      (place === undefined ? undefined : refusalOfPlace(place));
    if (reason === undefined) return undefined;
    return { kind: 'SelfSubjectAccessReview', status: { allowed: false, reason } };
  }
  if (asked === 'rules' && confinedTo !== undefined) {
    const namespace = textOf(asFields(spec)?.['namespace']);
    if (confinedTo.includes(namespace)) return undefined;
    const nothing = { resourceRules: [], nonResourceRules: [] };
    return {
      kind: 'SelfSubjectRulesReview',
      status: { ...nothing, incomplete: false, evaluationError: CONFINED },
    };
  }
  return undefined;
}

const CONFINED = 'the org is confined to other namespaces of this cluster';
const READING = new Set(['get', 'list', 'watch']);
const WRITING = new Set(['create', 'update', 'patch', 'delete', 'deletecollection', '*']);
const EXECUTING = new Set(['exec', 'attach', 'portforward']);

/** Why this server would not pass it on. */
function refusalOf(
  attributes: Fields,
  confinedTo: readonly string[] | undefined,
  { writes, exec }: Doing,
): string | undefined {
  const [verb, group, full, below, namespace, name] = FIELDS.map((field) => textOf(attributes[field]));
  // To an API server `pods/exec` is the same as both apart.
  const [resource, subresource = below] = (full ?? '').split('/');
  // To be read, a namespace lies in itself, wherever the question puts it; it is not changed here.
  const isPlace = group === '' && resource === 'namespaces';
  const place = !isPlace ? namespace : READING.has(verb ?? '') ? name : '';
  if (confinedTo !== undefined && !confinedTo.includes(place ?? '')) return CONFINED;
  if (EXECUTING.has(subresource ?? ''))
    return exec ? undefined : 'exec, attach and port-forward are not passed on by this server';
  // All of them together has this one in it.
  if (subresource === 'proxy' || subresource === '*')
    return 'the proxies of pods, services and nodes are not served by this server';
  return writes || !WRITING.has(verb ?? '') ? undefined : 'this server passes on nothing but reading';
}

/** A place of the API server that is about no kind. */
function refusalOfPlace({ path, verb }: Fields): string | undefined {
  const isRead = textOf(verb) === 'get' && ROOTS.has(textOf(path).split('/')[1] ?? '');
  return isRead ? undefined : 'this is not passed on by this server';
}

const FIELDS = ['verb', 'group', 'resource', 'subresource', 'namespace', 'name'] as const;

function asFields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
