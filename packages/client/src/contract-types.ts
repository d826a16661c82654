/**
 * Types from contracts: which methods a client may call and what its channels carry. Nothing here exists at run time, and contracts
 * are imported as types only. A client without contracts takes any method and channel, with `unknown` payloads.
 */
import type { ChannelData, Contract, RpcParams, RpcResultOf } from '@trunkline/contracts';

/**
 * Names the contracts of an application once, for clients and hooks that are not given any:
 * `declare module '@trunkline/client' { interface Register { contract: NodeContract | MyContract } }`.
 */
export interface Register {}

/** No contract: everything is allowed, nothing is known. */
export interface Untyped {
  readonly untyped: true;
}

export type ContractOrNone = Contract | Untyped;

export type DefaultContract = Register extends { contract: infer C extends ContractOrNone } ? C : Untyped;

export type MethodOf<C extends ContractOrNone> = C extends Contract ? keyof C['rpc'] & string : string;

/** Those that their contract marks: a repeat under the same key has no further effect, so they may wait in a queue. */
export type IdempotentMethodOf<C extends ContractOrNone> = C extends Contract
  ? {
      [M in keyof C['rpc'] & string]: C['rpc'][M] extends { readonly idempotent: true } ? M : never;
    }[keyof C['rpc'] & string]
  : string;

export type ParamsOf<C extends ContractOrNone, M extends string> = C extends Contract
  ? M extends keyof C['rpc']
    ? RpcParams<C, M>
    : never
  : unknown;

export type ResultOf<C extends ContractOrNone, M extends string> = C extends Contract
  ? M extends keyof C['rpc']
    ? RpcResultOf<C, M>
    : never
  : unknown;

/** `chat:{id}:events` as the names it stands for. */
export type NameOf<Pattern extends string> = Pattern extends `${infer Before}{${string}}${infer After}`
  ? `${Before}${string}${NameOf<After>}`
  : Pattern;

type DataOfMatches<C extends Contract, Channel extends string, Kind extends 'stream' | 'map'> = {
  [Name in keyof C['channels']]: C['channels'][Name] extends {
    pattern: infer Pattern extends string;
    type: Kind;
  }
    ? Channel extends NameOf<Pattern>
      ? ChannelData<C, Name>
      : never
    : never;
}[keyof C['channels']];

type Matched<
  C extends ContractOrNone,
  Channel extends string,
  Kind extends 'stream' | 'map',
> = C extends Contract ? DataOfMatches<C, Channel, Kind> : never;

/** What a channel carries: the contract's data where one of its patterns matches, else `unknown` (application channels). */
export type DataOf<C extends ContractOrNone, Channel extends string, Kind extends 'stream' | 'map'> = [
  Matched<C, Channel, Kind>,
] extends [never]
  ? unknown
  : Matched<C, Channel, Kind>;
