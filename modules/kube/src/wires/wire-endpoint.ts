/**
 * The way in that both wires share: a page of another origin is sent away, the credential says who it is, and what cannot be served is refused as an API server would refuse it. What a
 * wire itself wants to know first, and what is then spoken, is its own.
 */
import type {
  Conversation,
  Endpoint,
  Line,
  LinkProfile,
  OpenDecision,
  OpenRequest,
  Principal,
} from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { presentedToken, type Identify } from './identify.js';
import type { WiresOptions } from './options.js';
import { toStatus } from './status.js';

export interface Wire {
  readonly id: string;
  readonly path: string;
  /** Throws the refusal. The signal is aborted where nobody waits any more. */
  enter(principal: Principal, request: OpenRequest, signal: AbortSignal): Promise<Entry>;
}

/** What somebody is let in to. */
export interface Entry {
  /** One of those that are offered, which may be none. Undefined: none of them is spoken here. */
  readonly subprotocol: string | undefined;
  /** Called when the connection is open, which it may never be. */
  begin(line: Line): Conversation;
}

export function createWireEndpoint(
  identify: Identify,
  { openDeadlineMs }: Pick<WiresOptions, 'openDeadlineMs'>,
  profile: LinkProfile,
  { id, path, enter }: Wire,
): Endpoint {
  const open = async (request: OpenRequest, signal: AbortSignal): Promise<OpenDecision> => {
    if (!request.originAllowed) return { kind: 'refuse', status: 403, body: 'origin not allowed' };
    try {
      const principal = await identify(request, presentedToken(request));
      const { subprotocol, begin } = await enter(principal, request, signal);
      const selected = subprotocol === undefined ? {} : { subprotocol };
      return { kind: 'converse', principal, profile, ...selected, begin };
    } catch (cause) {
      return refuse(cause);
    }
  };
  return { id, method: 'GET', path, transport: 'websocket', deadlineMs: openDeadlineMs, open };
}

/** What is not coded is thrown on: whoever opens connections logs it. */
function refuse(cause: unknown): OpenDecision {
  if (!(cause instanceof CodedError)) throw cause;
  const status = toStatus(cause);
  return {
    kind: 'refuse',
    status: status.code,
    headers: {
      'content-type': 'application/json',
      ...(status.code === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: JSON.stringify(status),
  };
}
