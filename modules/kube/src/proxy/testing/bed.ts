/** The proxy between a caller and an API server that says what a test wants, under rights that a test gives. Every request to the server, every record and their order are kept. */
import { createSeededRandom } from '@trunkline/base';
import { FakeClock, MemoryLogger } from '@trunkline/base/testing';
import type { RouteRequest, RouteResponse } from '@trunkline/hub';
import { testPrincipal } from '@trunkline/hub/testing';
import { KubeError, type KubeAnswer, type KubeCluster, type KubeRequest } from '@trunkline/kube-client';
import type { Access, Deed, Sight } from '../../ports.js';
import { PROXY_DEFAULTS, type ProxyOptions } from '../options.js';
import { createProxy } from '../proxy.js';

export interface BedOptions extends Partial<ProxyOptions> {
  readonly writes?: boolean;
  readonly exec?: boolean;
  readonly confinedTo?: readonly string[];
  /** Null: there is no audit log. Default: it keeps everything. */
  readonly audit?: ((deed: Deed) => Promise<void>) | null;
  /** What is refused. Default: nothing. */
  readonly refuse?: (ask: Parameters<Access['may']>[2]) => boolean;
  readonly sight?: Sight;
  /** Default: 200 and an empty object. */
  readonly answer?: (request: KubeRequest) => Fake | Promise<Fake>;
}

/** An answer in chunks; an error among them is what breaks it off. */
export interface Fake {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly (string | Error)[];
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** What broke it off. */
  readonly cut: unknown;
  readonly json: () => Readonly<Record<string, unknown>>;
}

export function startBed(options: BedOptions = {}) {
  const {
    writes = false,
    exec = false,
    confinedTo,
    refuse = () => false,
    answer = (): Fake => ({}),
  } = options;
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  const deeds: Deed[] = [];
  /** What happened, in its order. */
  const told: string[] = [];
  const sent: KubeRequest[] = [];
  const state = { discarded: 0 };
  const own = {
    request: async (request: KubeRequest): Promise<KubeAnswer> => {
      sent.push(request);
      told.push(`${request.method ?? 'GET'} ${request.path}`);
      const { status = 200, headers, body = ['{}'] } = await answer(request);
      return {
        status,
        headers: { 'content-type': 'application/json', ...headers },
        discard: () => void state.discarded++,
        body: (async function* () {
          for (const chunk of body) {
            await Promise.resolve();
            if (chunk instanceof Error) throw chunk;
            yield Buffer.from(chunk);
          }
        })(),
      };
    },
  } as unknown as KubeCluster;
  const refusal = new KubeError('kubeForbidden', 'not for you', { status: 403, reason: 'Forbidden' });
  const access: Access = {
    enter: (_principal, id) =>
      Promise.resolve({ id, upstream: { kind: 'server' }, own, confinedTo, allows: { writes, exec } }),
    may: (_principal, _cluster, ask) => {
      told.push(
        `may ${ask.verb} ${ask.resource}${ask.subresource === undefined ? '' : `/${ask.subresource}`}`,
      );
      return refuse(ask) ? Promise.reject(refusal) : Promise.resolve({ recheckMs: 1_000 });
    },
    sight: () => (options.sight ? Promise.resolve(options.sight) : Promise.reject(refusal)),
  };
  const keep = (deed: Deed): Promise<void> => {
    deeds.push(deed);
    told.push(`${deed.action} ${String(deed.details?.['outcome'])}`);
    return Promise.resolve();
  };
  const audit = options.audit === null ? undefined : (options.audit ?? keep);
  const proxy = createProxy({ clock, random: createSeededRandom(1), logger, access, audit }, only(options));
  const ask = async (
    method: string,
    path: string,
    body?: unknown,
    given: Partial<RouteRequest> = {},
  ): Promise<Answered> => {
    const route = proxy.routes.find((one) => one.method === method);
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = (await route?.handle({
      principal: testPrincipal(),
      params: { cluster: 'demo', rest: path.split('?')[0]?.slice(1) ?? '' },
      query: {},
      target: `/clusters/demo${path}`,
      body:
        body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
      requestId: 'r-1',
      remoteAddress: '10.0.0.7',
      signal: new AbortController().signal,
      ...given,
      headers: { ...(body === undefined ? {} : { 'content-type': type }), ...given.headers },
    })) as RouteResponse;
    return read(response);
  };
  return { clock, logger, deeds, told, sent, state, proxy, ask };
}

async function read({ status, headers = {}, body, stream }: RouteResponse): Promise<Answered> {
  let text = body === undefined ? '' : JSON.stringify(body);
  let cut: unknown;
  try {
    for await (const chunk of stream ?? []) text += Buffer.from(chunk).toString();
  } catch (cause) {
    cut = cause;
  }
  return { status, headers, text, cut, json: () => JSON.parse(text) as Readonly<Record<string, unknown>> };
}

const OURS = Object.keys(PROXY_DEFAULTS) as (keyof ProxyOptions)[];

function only(options: BedOptions): Partial<ProxyOptions> {
  return Object.fromEntries(
    OURS.flatMap((field) => (options[field] === undefined ? [] : [[field, options[field]]])),
  );
}
