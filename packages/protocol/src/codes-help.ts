/**
 * What each code means and what to do about it, for people: references, consoles, command lines. Apart from the codes themselves, so that
 * programs which only handle codes (browsers above all) do not carry the sentences. A code without them does not compile.
 */
import type { CloseName, ErrorName, UnsubscribeName } from './codes.js';

export interface CodeHelp {
  readonly meaning: string;
  /** What a developer or an operator should do. */
  readonly help: string;
}

const of = (meaning: string, help: string): CodeHelp => ({ meaning, help });

export const ERROR_HELP: Readonly<Record<ErrorName, CodeHelp>> = {
  internal: of(
    'The server failed in a way nobody foresaw.',
    "Try again; if it stays, look in the server's log for the correlation or request id.",
  ),
  unauthorized: of(
    'No credential, or one that is not accepted.',
    'Check that a key or token is sent, and that this server knows its key.',
  ),
  unknownChannel: of(
    'No namespace covers the channel. Clients get 103 instead.',
    'Check the part of the name before the colon against the namespaces of the configuration (API method `namespaces`).',
  ),
  permissionDenied: of(
    "Not yours, not there, or another org's: one answer for all three.",
    "Check the namespace's permissions, the token's capabilities and roles, and the spelling; for API keys also their scopes and org.",
  ),
  methodNotFound: of(
    'The object holds no command this server knows.',
    'Check the spelling of the command or of the API method.',
  ),
  alreadySubscribed: of(
    'This connection has that subscription.',
    'Use the subscription that exists, or end it first.',
  ),
  limitExceeded: of(
    'A configured limit, named in the detail.',
    'Send less at once, or raise the option that the detail names.',
  ),
  badRequest: of(
    'A field is missing, mistyped or out of range; the detail names it.',
    'Correct the field that the message names.',
  ),
  notAvailable: of(
    'The feature is not there, or not switched on for this channel.',
    'Switch it on in the namespace (history, presence, type), or do without.',
  ),
  tokenExpired: of('The token was good once.', 'Fetch a new token and connect or subscribe with it.'),
  expired: of('The credential ran out while in use.', 'Refresh with a new token.'),
  tooManyRequests: of(
    'A rate limit.',
    'Wait, with growing delays; raise the limit where the traffic is meant to be there.',
  ),
  unrecoverablePosition: of(
    'Publications after the position are gone, or its epoch is over.',
    'Forget the position, fetch the current state and subscribe anew; a longer history makes it rarer.',
  ),
  concurrentPagination: of(
    'Another paging of the same subscription is under way.',
    'Wait until it ended, then begin again.',
  ),
  sourceUnavailable: of(
    'What feeds the channel does not answer.',
    'Try again later; look at the system behind the channel.',
  ),
  callTimeout: of(
    'A handler or a called client did not answer in time.',
    'Try again with the same idempotency key; look at what the method waits for.',
  ),
  clientGone: of(
    'The client that was meant has no connection.',
    'Wait for its next connection, which has another client id.',
  ),
  conflict: of('The state is not the one the command expected.', 'Read the current state and decide again.'),
  notFound: of(
    'The thing named in the command is not there.',
    'Check the id, and that it belongs to this org.',
  ),
  shuttingDown: of(
    'This node is going away; another will answer.',
    'Connect again; the load balancer leads to another node.',
  ),
  keyMismatch: of(
    'The idempotency key belongs to an earlier call with other params.',
    'Take a new key for a new call; repeat a call with the params it had.',
  ),
  keyPending: of(
    'The first call under this idempotency key is still being worked on.',
    'Repeat it later under the same key: it gets the answer of the first one.',
  ),
  outOfTurn: of(
    'A call with a lower number of the same order is under way, or failed for now.',
    'Repeat the earlier call first, then this one.',
  ),
  overtaken: of(
    'A call with a higher number of the same instance and order took effect; this one did not and will not.',
    'Look at the state as it is now; where the call still makes sense, make it anew, under a new key and number.',
  ),
};

export const UNSUBSCRIBE_HELP: Readonly<Record<UnsubscribeName, CodeHelp>> = {
  unsubscribed: of('Ended by a call of the server API.', 'Subscribe again only if the application wants to.'),
  sourceClosed: of(
    'What fed the channel is gone for good.',
    'Show that it ended; there is nothing to wait for.',
  ),
  permissionRevoked: of(
    'A refreshed credential no longer covers the channel.',
    'Sign in with more rights; subscribing again is refused until then.',
  ),
  insufficientState: of(
    'A publication was or would be lost; subscribe again from the last position.',
    'Clients do so by themselves; if it happens often, readers are too slow or history is too short.',
  ),
  expired: of('The channel token ran out.', 'Fetch a new channel token; clients then subscribe again.'),
  stateInvalidated: of(
    'Cached state and token of the subscription are void.',
    'Forget both and subscribe anew; clients do so by themselves.',
  ),
};

export const CLOSE_HELP: Readonly<Record<CloseName, CodeHelp>> = {
  connectionClosed: of('Closed without a better reason.', 'Clients come back by themselves.'),
  shutdown: of('The node goes away.', 'Clients come back by themselves, to another node where there is one.'),
  serverError: of(
    'The connection met a broken invariant.',
    "Clients come back by themselves; report what the server's log says.",
  ),
  connectionExpired: of(
    "The connection's token ran out and was not refreshed.",
    'Give the client a way to fetch tokens (`getToken`).',
  ),
  subscriptionExpired: of(
    "A subscription's token ran out and was not refreshed.",
    'Give the subscription a way to fetch tokens.',
  ),
  slow: of(
    'The reader fell too far behind.',
    'Clients come back by position; send less, conflate, or raise `client.outboxMaxBytes`.',
  ),
  writeError: of('Writing failed.', 'Clients come back by themselves; usually the network.'),
  insufficientState: of(
    'Something was lost on a subscription that the server holds for the client.',
    'Clients come back by themselves and recover.',
  ),
  forceReconnect: of('Asked for by the server API.', 'Clients come back by themselves.'),
  noPong: of(
    "No answer to the server's ping.",
    'Clients come back by themselves; a proxy that cuts idle connections, or a sleeping device.',
  ),
  tooManyRequests: of('A rate limit, ignored for long.', 'Send fewer commands a second, or raise the limit.'),
  stateInvalidated: of(
    'Cached state and token of the whole connection are void.',
    'Clients fetch a new token and come back.',
  ),
  invalidToken: of(
    'The connection token is not accepted.',
    'Check algorithm, key, issuer, audience and times of the token; the log says which failed.',
  ),
  badRequest: of(
    'The peer broke the protocol.',
    'The reason says how; a client library of another protocol version, or a proxy that changes frames.',
  ),
  stale: of(
    'No first command in time.',
    'Send `connect` first; a scanner, or a client that hangs in fetching its token.',
  ),
  forceDisconnect: of(
    'Asked for by the server API.',
    'The application was told to stay away; sign in again if it may.',
  ),
  connectionLimit: of(
    'Too many connections of the user or org.',
    'Close others, or raise `client.maxConnectionsPerUser` or its like.',
  ),
  channelLimit: of(
    'Too many channels on the connection.',
    'Subscribe to fewer channels, or raise the limit.',
  ),
  inappropriateProtocol: of(
    'The transport cannot carry what was asked for.',
    'Use JSON on this transport, or another transport.',
  ),
  permissionDenied: of('The client may not be here.', 'Check what the credential may do.'),
  notAvailable: of('The peer uses what this server does not have.', 'Do without it.'),
  tooManyErrors: of('The peer keeps sending what is refused.', 'Look at the errors that its commands got.'),
  maxAge: of(
    'The connection reached its greatest age.',
    'Clients come back by themselves; this spreads load.',
  ),
  quotaExceeded: of(
    'The org uses up what it may.',
    'Raise the quota, or find out which of its clients needs so much.',
  ),
};
