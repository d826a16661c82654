/**
 * Remote calls: find the method, check the params against its schema, call it with a deadline. With the `rpc` extension params and result
 * travel in an envelope (docs/spec/extensions.md EXT-6). An unknown method is answered 108, as stock clients expect of a server without one.
 */
import { randomId } from '@trunkline/base';
import { CodedError, type Payload, type Position } from '@trunkline/protocol';
import { withDeadline } from '../channels/deadline.js';
import type { Client } from '../clients/client.js';
import type { RpcOutcome } from '../ports/module.js';
import type { RouterDeps } from './deps.js';

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
  const registered = deps.rpc.get(name);
  if (!registered) throw new CodedError('notAvailable', 'no such method');
  const enveloped = client.can('rpc');
  const { params, trace } = enveloped ? openEnvelope(parse(data)) : { params: parse(data), trace: undefined };
  const problem = registered.validate?.(params);
  if (problem !== undefined) throw new CodedError('badRequest', problem);
  const timeout = new AbortController();
  const onClosed = (): void => timeout.abort(client.signal.reason);
  client.signal.addEventListener('abort', onClosed, { once: true });
  try {
    const call = {
      principal: client.principal,
      client: client.id,
      requestId: trace ?? randomId(deps.random, 12),
      signal: timeout.signal,
    };
    const outcome = await withDeadline(
      deps.clock,
      Promise.resolve(registered.method.handle(params, call)),
      deps.options.rpcTimeoutMs,
      () => {
        const late = new CodedError('callTimeout', name);
        timeout.abort(late);
        return late;
      },
      () => undefined,
    );
    return encode(outcome, enveloped);
  } finally {
    client.signal.removeEventListener('abort', onClosed);
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
