/**
 * Remote calls: find the method, check the params against its schema, call it with a deadline, and see to it that what it wants committed is, once
 * where the call has a key. With the `rpc` extension params and result travel in an envelope (docs/spec/extensions.md EXT-6). An unknown method is
 * answered 108, as stock clients expect of a server without one.
 */
import { randomId } from '@trunkline/base';
import { channelKey, CodedError, ERROR_CODES, type Payload, type Position } from '@trunkline/protocol';
import { withDeadline } from '../channels/deadline.js';
import type { Client } from '../clients/client.js';
import type { CallContext, RpcOutcome } from '../ports/api.js';
import type { EffectOutcome, EffectRequest, KeyedCall, Published } from '../ports/idempotency.js';
import type { RpcCommit } from '../ports/module.js';
import type { RegisteredRpc, RouterDeps } from './deps.js';
import { startSpan } from './spans.js';

export interface RpcReply {
  readonly data?: Payload;
  readonly after?: { readonly channel: string; readonly position: Position };
}

interface Envelope {
  readonly params: unknown;
  readonly trace?: string | undefined;
  readonly key?: string | undefined;
  readonly seq?: number | undefined;
  readonly order?: string | undefined;
  readonly instance?: string | undefined;
}

/** A call that was checked. */
interface Call {
  readonly name: string;
  readonly registered: RegisteredRpc;
  readonly params: unknown;
  readonly key: string | undefined;
  readonly turn?: KeyedCall['turn'];
  readonly context: CallContext;
}

type Done = Pick<EffectOutcome, 'result' | 'published'>;

const KEY_MAX_LENGTH = 255;
const WORD_MAX_LENGTH = 64;

/** Throws `notAvailable`, `badRequest` (naming the field), `callTimeout`, and what the method throws. */
export async function callRpc(
  deps: RouterDeps,
  client: Client,
  name: string,
  data: Payload | undefined,
): Promise<RpcReply> {
  const registered = methodOf(deps, name);
  const enveloped = client.can('rpc');
  const envelope: Envelope = enveloped ? openEnvelope(parse(data)) : { params: parse(data) };
  const { params, trace, key, seq } = envelope;
  requireParams(registered, params);
  const context: CallContext = {
    principal: client.principal,
    client: client.id,
    requestId: trace ?? randomId(deps.random, 12),
    signal: client.signal,
  };
  const span = startSpan(deps, client, { kind: 'rpc', method: name }, trace);
  const line = lineOf(envelope);
  const turn = line !== undefined && seq !== undefined ? { turn: { line, seq } } : {};
  const run = (): Promise<Done> => invoke(deps, { name, registered, params, key, ...turn, context });
  try {
    const { result, published } = await (seq === undefined
      ? run()
      : deps.turns.take(turnsOf(client, envelope, line), seq, client.signal, run));
    // Of several publications, the last one that this client will see.
    const shown = published.findLast(({ channel }) => client.subscriptions.has(channel)) ?? published.at(-1);
    return encode(result, shown, enveloped);
  } catch (cause) {
    if (cause instanceof CodedError) span?.fail(cause.code, cause.message);
    else span?.fail(ERROR_CODES.internal.code, ERROR_CODES.internal.message);
    throw cause;
  } finally {
    span?.end();
  }
}

/** For a caller without a connection, such as the HTTP API: no envelope, the outcome as the method gave it. Throws as `callRpc` does. */
export async function callRpcDirectly(
  deps: RouterDeps,
  name: string,
  params: unknown,
  context: CallContext,
  key?: string,
): Promise<RpcOutcome> {
  const registered = methodOf(deps, name);
  requireParams(registered, params);
  const { result, published } = await invoke(deps, { name, registered, params, key, context });
  const shown = published.at(-1);
  return { ...(result === undefined ? {} : { result }), ...(shown ? { after: toAfter(shown) } : {}) };
}

function methodOf(deps: RouterDeps, name: string): RegisteredRpc {
  const registered = deps.rpc.get(name);
  if (!registered) throw new CodedError('notAvailable', 'no such method');
  return registered;
}

function requireParams({ validate }: RegisteredRpc, params: unknown): void {
  const problem = validate?.(params);
  if (problem !== undefined) throw new CodedError('badRequest', problem);
}

/** With a deadline; the method's signal is aborted by it and by the caller's own. What is being committed then is committed all the same. */
async function invoke(deps: RouterDeps, call: Call): Promise<Done> {
  const { name, context } = call;
  const timeout = new AbortController();
  const onClosed = (): void => timeout.abort(context.signal.reason);
  context.signal.addEventListener('abort', onClosed, { once: true });
  try {
    return await withDeadline(
      deps.clock,
      perform(deps, { ...call, context: { ...context, signal: timeout.signal } }),
      deps.options.rpcTimeoutMs,
      () => {
        const late = new CodedError('callTimeout', name);
        timeout.abort(late);
        return late;
      },
      () => undefined,
    );
  } finally {
    context.signal.removeEventListener('abort', onClosed);
  }
}

async function perform(deps: RouterDeps, call: Call): Promise<Done> {
  const { name, registered, params, key, turn, context } = call;
  const { user, org } = context.principal;
  const { method } = registered;
  const own = method.idempotent === 'own';
  const given = own && key !== undefined ? { ...context, idempotencyKey: key } : context;
  const handle = async (): Promise<RpcOutcome | RpcCommit> => method.handle(params, given);
  const keys = method.idempotent === true ? deps.commands : deps.remembered;
  if (key !== undefined && !own)
    return keys.once({ org, user, method: name, key, params, ...(turn ? { turn } : {}) }, async () =>
      toRequest(deps, org, await handle()),
    );
  const outcome = await handle();
  if ('commit' in outcome) return deps.commands.commit(toRequest(deps, org, outcome));
  return { result: outcome.result, published: publishedOf(outcome) };
}

/** Names become keys of the caller's org; what is kept is the namespace's matter. Throws a TypeError for what is no durable channel: the method is wrong. */
function toRequest(deps: RouterDeps, org: string, outcome: RpcOutcome | RpcCommit): EffectRequest {
  if (!('commit' in outcome))
    return {
      statements: [],
      publications: [],
      toResult: () => outcome.result ?? null,
      published: publishedOf(outcome),
    };
  const { statements = [], publications = [], finish } = outcome.commit;
  return {
    statements,
    publications: publications.map((publication) => {
      const namespace = deps.namespaces.find(publication.channel);
      if (namespace?.options.class !== 'durable')
        throw new TypeError(
          `'${publication.channel}' is no durable channel: only those are published to in a commit`,
        );
      const { historySize, historyTtlMs } = namespace.options;
      return { ...publication, key: channelKey(org, publication.channel), historySize, historyTtlMs };
    }),
    toResult: (results) => (outcome.toResult ? outcome.toResult(results) : outcome.result) ?? null,
    published: [],
    ...(finish ? { finish } : {}),
  };
}

/** The calls that the caller counts together, wherever it connects; undefined where it did not say who it is. */
function lineOf({ instance, order = '' }: Envelope): string | undefined {
  return instance === undefined ? undefined : JSON.stringify([instance, order]);
}

/** Those that this node works on one after another: of an instance over all its connections, else of one connection. */
function turnsOf({ id, principal: { org, user } }: Client, { order = '' }: Envelope, line?: string): string {
  return JSON.stringify(line === undefined ? [id, order] : [org, user, line]);
}

function publishedOf({ after }: RpcOutcome): readonly Published[] {
  return after ? [{ channel: after.channel, ...after.position }] : [];
}

function toAfter({ channel, epoch, offset }: Published): NonNullable<RpcOutcome['after']> {
  return { channel, position: { epoch, offset } };
}

function encode(result: unknown, shown: Published | undefined, enveloped: boolean): RpcReply {
  const after = shown ? { after: toAfter(shown) } : {};
  if (!enveloped) {
    const text = result === undefined ? undefined : JSON.stringify(result);
    return text === undefined ? after : { data: text, ...after };
  }
  return {
    data: JSON.stringify({ result: result ?? null, ...(shown ? { position: shown } : {}) }),
    ...after,
  };
}

function parse(data: Payload | undefined): unknown {
  if (data === undefined) return {};
  if (typeof data !== 'string') throw new CodedError('badRequest', 'data must be JSON');
  return JSON.parse(data) as unknown;
}

function openEnvelope(value: unknown): Envelope {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CodedError('badRequest', 'rpc.data must be an object {params, …}');
  const { params, trace, key, seq, order, instance } = value as Readonly<Record<string, unknown>>;
  if (seq !== undefined && !(Number.isSafeInteger(seq) && (seq as number) >= 0))
    throw new CodedError('badRequest', 'rpc.data.seq must be a whole number of at least 0');
  if (key === '') throw new CodedError('badRequest', 'rpc.data.key must not be empty');
  if (instance === '') throw new CodedError('badRequest', 'rpc.data.instance must not be empty');
  return {
    params: params ?? {},
    trace: readText('trace', trace, WORD_MAX_LENGTH),
    key: readText('key', key, KEY_MAX_LENGTH),
    seq: seq as number | undefined,
    order: readText('order', order, KEY_MAX_LENGTH),
    instance: readText('instance', instance, WORD_MAX_LENGTH),
  };
}

function readText(field: string, value: unknown, maxLength: number): string | undefined {
  if (value === undefined || (typeof value === 'string' && value.length <= maxLength)) return value;
  throw new CodedError('badRequest', `rpc.data.${field} must be a string of at most ${maxLength} characters`);
}
