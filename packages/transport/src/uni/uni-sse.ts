/**
 * The one-way wire for plain readers (`EventSource`, `curl -N`): an endpoint, a codec, a link profile and a session plan, brought to the hub
 * as a module like any foreign wire. The endpoint authenticates by itself, so that a wrong credential is an HTTP status, which ends an
 * `EventSource`, and not an event, after which it would come back for ever. The plan subscribes to what was asked for, each channel
 * authorised like any subscribe.
 */
import { randomInt, type Random } from '@trunkline/base';
import {
  defineModule,
  type Authenticator,
  type Endpoint,
  type LinkProfile,
  type Module,
  type OpenDecision,
  type OpenRequest,
} from '@trunkline/hub';
import { CodedError, ERROR_CODES, type Command, type Position } from '@trunkline/protocol';
import { createJsonCodec } from '@trunkline/protocol/json';
import { createUniCodec } from './uni-codec.js';
import { readUniRequest, requireShortPositions, type UniRequest } from './uni-request.js';
import { UniWriter } from './uni-writer.js';

export interface UniSseOptions {
  /** The native profile: its bounds hold here too. */
  readonly profile: LinkProfile;
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  /** Default `/connection/uni_sse`. */
  readonly path?: string;
  /** Channels of one connection. Default 64. */
  readonly maxChannels?: number;
}

const PATH = '/connection/uni_sse';
const MAX_CHANNELS = 64;
/** Bytes of an event id; it comes back in a request whose headers Node limits to 16 KiB together. */
const MAX_POSITION_BYTES = 6 * 1024;
const AUTHENTICATION_MS = 5_000;
/** After which a reader comes back: not all at once after a node went away. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 3_000;
/** What this wire can always tell its readers. */
const EXTENSIONS = 'gap,source';

export const uniSse: (options: UniSseOptions) => Module = defineModule<UniSseOptions>({
  id: 'uni-sse',
  start: ({ random }, options) => ({ endpoints: [createUniSseEndpoint(random, options)] }),
});

export function createUniSseEndpoint(random: Random, options: UniSseOptions): Endpoint {
  const json = createJsonCodec();
  const codec = createUniCodec(json);
  const profile: LinkProfile = {
    ...options.profile,
    // Nobody answers here: the ping only keeps the way open, below what proxies allow to be silent.
    ping: {
      kind: options.profile.ping.kind === 'none' ? 'none' : 'transport',
      intervalMs: options.profile.ping.intervalMs,
      pongTimeoutMs: 0,
    },
    cutEndsConnection: true,
  };
  const limits = {
    maxChannels: options.maxChannels ?? MAX_CHANNELS,
    maxPositionBytes: MAX_POSITION_BYTES,
    maxDepth: profile.maxDepth,
  };

  const open = async (request: OpenRequest): Promise<OpenDecision> => {
    if (!request.originAllowed) return { kind: 'refuse', status: 403, body: 'origin not allowed' };
    try {
      const asked = readUniRequest(json, request, limits);
      const { token, name, version, data } = asked.connect;
      const { principal } = await options.authenticator.authenticate({
        token,
        name,
        version,
        request,
        ...(data === undefined ? {} : { data }),
      });
      const all = [...new Set([...principal.channels, ...asked.channels])];
      requireShortPositions(all, limits);
      const { commands, channels, since } = plan(asked, principal.channels, all);
      const retryMs = RETRY_MIN_MS + randomInt(random, RETRY_MAX_MS - RETRY_MIN_MS);
      const writer = new UniWriter(json, codec, { retryMs, channels, since });
      return { kind: 'accept', codec, profile, principal, plan: { commands }, writer };
    } catch (cause) {
      if (cause instanceof CodedError) return refuse(cause);
      throw cause;
    }
  };
  return {
    id: 'uni-sse',
    method: 'GET',
    path: options.path ?? PATH,
    transport: 'uni_sse',
    deadlineMs: AUTHENTICATION_MS,
    open,
  };
}

/** Connect, then a subscribe for each channel that the credential does not bring by itself. */
function plan({ connect, since }: UniRequest, granted: readonly string[], all: readonly string[]) {
  const known = all.flatMap((channel): [string, Position][] => {
    const position = since(channel) ?? connect.subs.get(channel);
    return position === undefined ? [] : [[channel, position]];
  });
  const positions = new Map(known);
  const own = all.filter((channel) => !granted.includes(channel));
  const commands: Command[] = [
    {
      ...connect,
      subs: positions,
      headers: { ...connect.headers, 'trunkline-extensions': EXTENSIONS },
    },
    ...own.map((channel, index) => subscribe(index + 2, channel, positions.get(channel))),
  ];
  return {
    commands,
    channels: new Map(own.map((channel, index) => [index + 2, channel])),
    since: positions,
  };
}

function subscribe(id: number, channel: string, recover: Position | undefined): Command {
  return {
    kind: 'subscribe',
    id,
    subId: channel,
    channel,
    token: '',
    type: 'stream',
    positioned: true,
    recoverable: true,
    joinLeave: false,
    delta: '',
    rejectUnrecovered: false,
    phase: 'live',
    cursor: '',
    limit: 0,
    ...(recover === undefined ? {} : { recover }),
  };
}

/** The status tells an `EventSource` to give up, the body tells a person why. */
function refuse(error: CodedError): OpenDecision {
  const { code, message } = error;
  const credential = code === ERROR_CODES.unauthorized.code || code === ERROR_CODES.tokenExpired.code;
  return {
    kind: 'refuse',
    status: credential ? 401 : error.temporary ? 503 : 400,
    headers: { 'content-type': 'application/json', ...(credential ? { 'www-authenticate': 'Bearer' } : {}) },
    body: JSON.stringify({ error: { code, message } }),
  };
}
