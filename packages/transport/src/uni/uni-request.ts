/**
 * What a reader of the one-way wire asks for, read out of one GET request: its credential, the channels, and where it continues. Refusals
 * name the parameter.
 */
import type { OpenRequest } from '@trunkline/hub';
import { CodedError, type Codec, type ConnectCommand, type Position } from '@trunkline/protocol';
import { NOWHERE, readPositions, writePosition } from './positions.js';

export interface UniRequestLimits {
  readonly maxChannels: number;
  readonly maxPositionBytes: number;
  readonly maxDepth: number;
}

export interface UniRequest {
  /** With the token, wherever it came from. */
  readonly connect: ConnectCommand;
  /** Named by `channel`, each once. */
  readonly channels: readonly string[];
  /** Where a channel continues; undefined where the reader is new to it. */
  since(channel: string): Position | undefined;
}

/** `connect` is command 1; `json` reads `cf_connect`. Throws `badRequest`. */
export function readUniRequest(
  json: Codec,
  { query, headers }: OpenRequest,
  limits: UniRequestLimits,
): UniRequest {
  const connect = readConnect(json, query.get('cf_connect') ?? '', limits.maxDepth);
  const channels = [...new Set(query.getAll('channel'))];
  if (channels.length > limits.maxChannels)
    throw new CodedError('badRequest', `channel: at most ${limits.maxChannels} on one connection`);
  const last = headers['last-event-id'] || query.get('since') || '';
  const positions = last === '' ? new Map<string, Position>() : readPositions(last);
  return {
    connect: { ...connect, token: bearer(headers) ?? query.get('token') ?? connect.token },
    channels,
    since: (channel) => (positions === undefined ? NOWHERE : positions.get(channel)),
  };
}

/** The id that names a place in all channels comes back in a header, whose room is limited. Throws `badRequest`. */
export function requireShortPositions(
  channels: readonly string[],
  { maxPositionBytes }: UniRequestLimits,
): void {
  // An epoch and an offset as long as they come.
  const widest = { epoch: 'x'.repeat(24), offset: Number.MAX_SAFE_INTEGER };
  const length = channels.map((channel) => writePosition(channel, widest)).join('&').length;
  if (length > maxPositionBytes)
    throw new CodedError('badRequest', 'channel: their names are too long together; use several connections');
}

function readConnect(json: Codec, text: string, maxDepth: number): ConnectCommand {
  const given = text === '' ? {} : parse(text);
  const frame = JSON.stringify({ id: 1, connect: given ?? {} });
  const { items, fatal } = json.decode(frame, { maxCommands: 1, maxDepth });
  const [command] = items;
  if (command?.kind === 'connect') return command;
  const why =
    command?.kind === 'refused' ? command.error.message : (fatal?.reason ?? 'not a connect request');
  throw new CodedError('badRequest', `cf_connect: ${why}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CodedError('badRequest', 'cf_connect must be JSON');
  }
}

function bearer(headers: OpenRequest['headers']): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers['authorization'] ?? '')?.[1];
}
