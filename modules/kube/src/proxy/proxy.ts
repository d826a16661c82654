/**
 * A read-only way to the API of a cluster, `GET /clusters/<cluster>/…`: first lists and details for clients of the foreign wires. The cluster is asked in the caller's own name, after
 * `Access` has allowed it; what comes back is passed on as it comes, and never as something that a browser would run.
 */
import { setMaxListeners } from 'node:events';
import type { Clock, Disposable } from '@trunkline/base';
import type { RouteDescriptor, RouteRequest, RouteResponse } from '@trunkline/hub';
import { KubeError, type KubeAnswer } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import { nameIn } from '../access/selected.js';
import type { Access } from '../ports.js';
import { isTrue, parseApiPath, segmentsOf } from '../wires/api-path.js';
import { toStatus } from '../wires/status.js';
import { resolveProxyOptions, type ProxyOptions } from './options.js';

export type { ProxyOptions };

export interface ProxyDeps {
  readonly clock: Clock;
  readonly access: Access;
}

/** Places of an API server that are about its kinds, or about itself. */
const ROOTS = new Set(['api', 'apis', 'version', 'openapi', 'healthz', 'livez', 'readyz']);
/** What a GET does there is not reading. Two are old forms of requests that are refused as well. */
const NOT_READ = new Set(['exec', 'attach', 'portforward', 'proxy', 'watch']);

export interface Proxy extends Disposable {
  readonly routes: readonly RouteDescriptor[];
  /** Cuts off what is under way. */
  dispose(): void;
}

/** Throws a RangeError that names a bad option. */
export function createProxy(deps: ProxyDeps, given?: Partial<ProxyOptions>): Proxy {
  const options = resolveProxyOptions(given);
  const slots = new Slots(options);
  const life = new AbortController();
  setMaxListeners(0, life.signal);
  return {
    dispose: () => life.abort(new CodedError('shuttingDown')),
    routes: [
      {
        method: 'GET',
        path: `${options.path}/:cluster/*rest`,
        summary: "Reads from a cluster's API in the caller's own name.",
        scope: 'kube',
        anonymous: true,
        handle: async (request) => {
          try {
            return await read(deps, options, { slots, life: life.signal }, request);
          } catch (cause) {
            if (!(cause instanceof CodedError)) throw cause;
            const status = toStatus(cause);
            return { status: status.code, headers: FOR_NOBODY_TO_RUN, body: status };
          }
        },
      },
    ],
  };
}

async function read(
  { clock, access }: ProxyDeps,
  options: ProxyOptions,
  { slots, life }: { readonly slots: Slots; readonly life: AbortSignal },
  request: RouteRequest,
): Promise<RouteResponse> {
  const { principal, params } = request;
  const { cluster = '', rest = '' } = params;
  const segments = segmentsOf(`/${rest.replace(/\/$/, '')}`);
  const query = new URLSearchParams(request.target.split('?').slice(1).join('?'));
  query.delete('token');
  const { own } = await access.enter(principal, cluster);
  await allow(access, request, cluster, segments, query);
  const free = slots.take(JSON.stringify([principal.org, principal.user]));
  const late = new AbortController();
  const timer = clock.setTimeout(
    () => late.abort(new KubeError('kubeTimeout', `no end within ${options.maxAnswerMs} ms (maxAnswerMs)`)),
    options.maxAnswerMs,
  );
  const signal = AbortSignal.any([request.signal, life, late.signal]);
  const release = (): void => {
    timer.cancel();
    free();
  };
  // Also where nobody reads what comes.
  signal.addEventListener('abort', release, { once: true });
  try {
    signal.throwIfAborted();
    const search = query.toString();
    const answer = await own.request({
      path: `/${segments.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`,
      headers: { accept: request.headers['accept'] ?? 'application/json' },
      signal,
    });
    const headers = headersOf(answer, options.maxAnswerBytes);
    return { status: answer.status, headers, stream: bounded(answer, options.maxAnswerBytes, release) };
  } catch (cause) {
    release();
    throw cause;
  }
}

/** Throws `kubeRefused` for what is no reading, and what `Access` throws. */
async function allow(
  access: Access,
  { principal }: RouteRequest,
  cluster: string,
  segments: readonly string[],
  query: URLSearchParams,
): Promise<void> {
  if (!ROOTS.has(segments[0] ?? ''))
    throw new KubeError('kubeRefused', `path: /${segments[0] ?? ''} is not served`);
  for (const field of ['watch', 'follow'])
    if (isTrue(query.get(field)))
      throw new KubeError('kubeRefused', `query: ${field} is served over WebSocket and channels only`);
  const about = parseApiPath(segments);
  if (about === undefined) return;
  const { group, resource, namespace, name, below } = about;
  const [subresource] = below;
  if (NOT_READ.has(resource) || NOT_READ.has(subresource ?? ''))
    throw new KubeError('kubeRefused', `path: ${subresource ?? resource} is not reading`);
  const asked = name ?? nameIn(query.get('fieldSelector') ?? undefined);
  await access.may(principal, cluster, {
    verb: name === undefined ? 'list' : 'get',
    group,
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(asked === undefined ? {} : { name: asked }),
  });
}

/** A cluster that a user named may answer with a page that would act for whoever looks at it. */
const FOR_NOBODY_TO_RUN = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
};

const PLAIN_TYPES =
  /^(application\/(json|yaml|com\.github\.proto-openapi\S*|vnd\.kubernetes\.protobuf)|text\/plain)\s*(;|$)/i;

/** What belongs to the connection, or speaks to a browser, stays behind. */
function headersOf({ status, headers, discard }: KubeAnswer, maxBytes: number): Record<string, string> {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const refuse = (detail: string): never => {
    discard();
    throw new KubeError('kubeBadAnswer', detail);
  };
  if (status < 200 || (status >= 300 && status < 400)) return refuse(`status ${status}`);
  const encoding = one('content-encoding');
  if (encoding !== undefined && encoding !== 'identity') return refuse('an encoding that was not asked for');
  const length = one('content-length');
  if (length !== undefined && Number(length) > maxBytes) {
    discard();
    throw new KubeError('kubeTooLarge', `more than ${maxBytes} bytes (maxAnswerBytes)`);
  }
  const type = one('content-type') ?? '';
  const passed = ['retry-after', 'warning', 'audit-id', 'etag'].flatMap((name) => {
    const value = one(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...FOR_NOBODY_TO_RUN,
    ...Object.fromEntries(passed),
    ...(PLAIN_TYPES.test(type)
      ? { 'content-type': type }
      : { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' }),
  };
}

/** As it comes and no faster than it is read. One that grows too long fails, which the reader sees as an answer that was cut. */
async function* bounded(
  answer: KubeAnswer,
  maxBytes: number,
  release: () => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of answer.body) {
      bytes += chunk.length;
      if (bytes > maxBytes)
        throw new KubeError('kubeTooLarge', `more than ${maxBytes} bytes (maxAnswerBytes)`);
      yield chunk;
    }
  } finally {
    release();
  }
}

/** Who may have how many requests under way. */
class Slots {
  readonly #options: ProxyOptions;
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  /** Throws `tooManyRequests`. @returns gives it back; repeats are harmless */
  take(user: string): () => void {
    const taken = this.#taken.get(user) ?? 0;
    if (taken >= this.#options.maxPerUser)
      throw new CodedError('tooManyRequests', 'requests of the user under way');
    if (this.#total >= this.#options.maxTotal) throw new CodedError('tooManyRequests', 'requests under way');
    this.#taken.set(user, taken + 1);
    this.#total++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#total--;
      const left = (this.#taken.get(user) ?? 1) - 1;
      if (left === 0) this.#taken.delete(user);
      else this.#taken.set(user, left);
    };
  }
}
