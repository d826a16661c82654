/** The entry for pages that count bytes: connection, streams and calls, without the stores of the main entry. */
export { CoreClient, createClient, type History, type HistoryRequest } from './core-client.js';
export type { ClientOptions } from './options.js';
export type { TransportName, TransportPlan, WebSocketConstructor, WebSocketLike } from './transports.js';
export type { ConnectionState } from './connection.js';
export type { Continuity } from './continuity-view.js';
export type { Missing, Reset, ResetReason } from './continuity.js';
export type { LoadedState, StreamOptions, StreamPublication } from './stream-options.js';
export type { StreamSubscription } from './stream.js';
export type { CallHandler } from './calls.js';
export type { CallOptions, CommandResult } from './rpc.js';
export { CodedError, type Position } from '@trunkline/protocol';
export { UnauthorizedError } from 'centrifuge';
