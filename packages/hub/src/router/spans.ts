/**
 * Spans around commands (docs/spec/observing.md TRACE-1). Names come from a closed set: command kinds, and methods that are registered;
 * channels are told by namespace, since their names may say more of a user than a trace should keep.
 */
import type { Span, SpanAttributes, Tracer } from '@trunkline/base';
import { namespaceOf, type Command } from '@trunkline/protocol';
import type { Client } from '../clients/client.js';
import type { RouterDeps } from './deps.js';

/** A name that was not checked yet. */
const MAX_NAMESPACE = 64;

type Traced = Command | { readonly kind: 'rpc'; readonly method: string };

/** Undefined where traces are off, for keep-alive, and for a call whose method is not known yet: `callRpc` begins that one. */
export function startSpan(
  { tracer }: Pick<RouterDeps, 'tracer'>,
  client: Client,
  command: Traced,
  parent?: string,
): Span | undefined {
  if (tracer === undefined || command.kind === 'ping' || command.kind === 'pong') return undefined;
  if (command.kind !== 'rpc') return start(tracer, client, command.kind, attributesOf(command), parent);
  if ('id' in command) return undefined;
  return start(tracer, client, `rpc ${command.method}`, { 'rpc.method': command.method }, parent);
}

function start(
  tracer: Tracer,
  { id, principal }: Client,
  name: string,
  attributes: SpanAttributes,
  parent: string | undefined,
): Span {
  return tracer.start(
    name,
    { ...attributes, 'trunkline.org': principal.org, 'trunkline.client': id },
    parent,
  );
}

function attributesOf(command: Command): SpanAttributes {
  return 'channel' in command
    ? { 'trunkline.namespace': namespaceOf(command.channel).slice(0, MAX_NAMESPACE) }
    : {};
}
