/**
 * How a module promises its wire: commands, channels and codes, once, as zod schemas. Servers validate with JSON Schema made from
 * them; browsers import the types only. A module imports only its own sub-path.
 */
import type { CodeEntry } from '@trunkline/protocol';
import { z } from 'zod';

export interface RpcContract {
  readonly params: z.ZodType;
  readonly result: z.ZodType;
  /** One sentence for references and help. */
  readonly summary: string;
  /** True: a repeat under the same idempotency key has no further effect and gets the first one's answer. Only such methods may wait in an offline queue. */
  readonly idempotent?: boolean;
}

export interface ChannelContract {
  /** A channel name; `{name}` parts are filled in by the caller. */
  readonly pattern: string;
  readonly type: 'stream' | 'map';
  readonly data: z.ZodType;
  readonly summary: string;
}

export interface Contract {
  readonly id: string;
  readonly rpc: Readonly<Record<string, RpcContract>>;
  readonly channels: Readonly<Record<string, ChannelContract>>;
  /** The module's own codes, a block of 100 from 1000. */
  readonly errors: Readonly<Record<string, CodeEntry>>;
}

/** Keeps the literal types of a contract. */
export function defineContract<const C extends Contract>(contract: C): C {
  return contract;
}

export type RpcParams<C extends Contract, M extends keyof C['rpc']> = z.input<C['rpc'][M]['params']>;
export type RpcResultOf<C extends Contract, M extends keyof C['rpc']> = z.output<C['rpc'][M]['result']>;
export type ChannelData<C extends Contract, N extends keyof C['channels']> = z.output<
  C['channels'][N]['data']
>;

/** The JSON Schema of a method's params, for the router's validator. Without `$schema`, so that any draft since 7 compiles it. */
export function paramsSchema(method: RpcContract): object {
  const { $schema: _, ...schema } = z.toJSONSchema(method.params, { io: 'input' });
  return schema;
}

/** The JSON Schema of what a method answers, for documents. Without `$schema`, as above. */
export function resultSchema(method: RpcContract): object {
  const { $schema: _, ...schema } = z.toJSONSchema(method.result, { io: 'output' });
  return schema;
}

/** The JSON Schema of one publication's data on a channel. Without `$schema`, as above. */
export function dataSchema(channel: ChannelContract): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(channel.data, { io: 'input' });
  return schema;
}
