/**
 * Remote calls: find the method, check the params against its schema, call it with a deadline. With the `rpc` extension params and result
 * travel in an envelope (docs/spec/extensions.md EXT-6). An unknown method is answered 108, as stock clients expect of a server without one.
 */
import { randomId } from '@trunkline/base';
import { CodedError, ERROR_CODES, type Payload, type Position } from '@trunkline/protocol';
import { withDeadline } from '../channels/deadline.js';
import type { Client } from '../clients/client.js';
import type { CallContext, RpcOutcome } from '../ports/api.js';
import type { RegisteredRpc, RouterDeps } from './deps.js';
import { startSpan } from './spans.js';

export interface RpcReply {
  readonly data?: Payload;
  readonly after?: { readonly channel: string; readonly position: Position };
}

interface Envelope {
  readonly params: unknown;
  readonly trace: string | undefined;
}

/** Throws `notAvailable`, `badRequest` (naming the field), `callTimeout`, and what the method throws. */
export async function callRpc(
  deps: RouterDeps,
  client: Client,
  name: string,
  data: Payload | undefined,
): Promise<RpcReply> {
  const method = methodOf(deps, name);
  const enveloped = client.can('rpc');
  const { params, trace } = enveloped ? openEnvelope(parse(data)) : { params: parse(data), trace: undefined };
  requireParams(method, params);
  const span = startSpan(deps, client, { kind: 'rpc', method: name }, trace);
  try {
    const outcome = await invoke(deps, name, method, params, {
      principal: client.principal,
      client: client.id,
      requestId: trace ?? randomId(deps.random, 12),
      signal: client.signal,
    });
    return encode(outcome, enveloped);
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
  call: CallContext,
): Promise<RpcOutcome> {
  const method = methodOf(deps, name);
  requireParams(method, params);
  return invoke(deps, name, method, params, call);
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

/** With a deadline; the method's signal is aborted by it and by the caller's own. */
async function invoke(
  deps: RouterDeps,
  name: string,
  { method }: RegisteredRpc,
  params: unknown,
  call: CallContext,
): Promise<RpcOutcome> {
  const timeout = new AbortController();
  const onClosed = (): void => timeout.abort(call.signal.reason);
  call.signal.addEventListener('abort', onClosed, { once: true });
  try {
    return await withDeadline(
      deps.clock,
      Promise.resolve(method.handle(params, { ...call, signal: timeout.signal })),
      deps.options.rpcTimeoutMs,
      () => {
        const late = new CodedError('callTimeout', name);
        timeout.abort(late);
        return late;
      },
      () => undefined,
    );
  } finally {
    call.signal.removeEventListener('abort', onClosed);
  }
}

function encode(outcome: RpcOutcome, enveloped: boolean): RpcReply {
  const after = outcome.after ? { after: outcome.after } : {};
  if (!enveloped) {
    const text = outcome.result === undefined ? undefined : JSON.stringify(outcome.result);
    return text === undefined ? after : { data: text, ...after };
  }
  const position = outcome.after ? { channel: outcome.after.channel, ...outcome.after.position } : undefined;
  return {
    data: JSON.stringify({ result: outcome.result ?? null, ...(position ? { position } : {}) }),
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
  const { params, trace } = value as { params?: unknown; trace?: unknown };
  if (trace !== undefined && (typeof trace !== 'string' || trace.length > 64))
    throw new CodedError('badRequest', 'rpc.data.trace must be a string of at most 64 characters');
  return { params: params ?? {}, trace };
}
