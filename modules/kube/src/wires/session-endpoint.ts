/**
 * `GET /clusters/<cluster>/api/v1/namespaces/<namespace>/pods/<pod>/{exec,attach,portforward,log}` as a WebSocket: a session with a socket of its own, whose frames, sub-protocol and close are
 * those of the API server, or of `log-socket.ts`. Who may not is refused before the socket opens.
 */
import type { Conversation, Endpoint, Line, LinkProfile } from '@trunkline/hub';
import { BinaryEncoded, Encoded, type Close } from '@trunkline/protocol';
import { KubeError } from '@trunkline/kube-client';
import type { Identify } from './identify.js';
import type { WiresOptions } from './options.js';
import { Outgoing } from './outgoing.js';
import type { Session, SessionPeer } from './session.js';
import type { Sessions } from './sessions.js';
import { parseStream, STREAM_VERBS, type StreamVerb } from './stream-path.js';
import { createWireEndpoint } from './wire-endpoint.js';

/** Longest frames that may wait for a client, whatever `maxWaitingBytes` says. */
const FRAMES_WAITING = 4;

/** For a client that was ended from here: by a disconnect, a drain, its age. */
const GOING_AWAY: Close = { code: 1001, reason: '' };

export function createSessionEndpoints(
  deps: { readonly identify: Identify; readonly sessions: Sessions },
  options: WiresOptions,
  profile: LinkProfile,
): readonly Endpoint[] {
  return STREAM_VERBS.map((verb) => createSessionEndpoint(deps, options, profile, verb));
}

function createSessionEndpoint(
  { identify, sessions }: { readonly identify: Identify; readonly sessions: Sessions },
  options: WiresOptions,
  profile: LinkProfile,
  verb: StreamVerb,
): Endpoint {
  const ofFrames = { ...profile, maxFrameBytes: options.sessionFrameBytes };
  return createWireEndpoint(
    identify,
    { openDeadlineMs: options.sessionOpenMs },
    { ...ofFrames, firstCommandTimeoutMs: options.sessionOpenMs },
    {
      id: `kube-${verb}`,
      path: `${options.clustersPath}/:cluster/api/v1/namespaces/:namespace/pods/:pod/${verb}`,
      enter: async (principal, { params, query, subprotocols, remoteAddress }, signal) => {
        const { cluster = '', namespace = '', pod = '' } = params;
        const [inside, name] = [namespace, pod].map(encodeURIComponent);
        const target = parseStream(`/api/v1/namespaces/${inside}/pods/${name}/${verb}`, query);
        if (target === undefined) throw new KubeError('kubeRefused', 'path: not that of a pod');
        const wish = { principal, cluster, target, protocols: subprotocols, address: remoteAddress };
        const session = await sessions.open(wish, signal);
        return {
          subprotocol: session.protocol === '' ? undefined : session.protocol,
          begin: (line) => new SessionConversation(line, session, options),
        };
      },
    },
  );
}

class SessionConversation implements Conversation {
  readonly #line: Line;
  readonly #session: Session;
  readonly #outgoing: Outgoing;
  #holding = false;

  constructor(line: Line, session: Session, options: WiresOptions) {
    this.#line = line;
    this.#session = session;
    // What was read already comes after the API server was stopped: a frame, and one read of the network.
    const maxBytes = Math.max(options.maxWaitingBytes, FRAMES_WAITING * options.sessionFrameBytes);
    this.#outgoing = new Outgoing(line, { maxItems: options.maxWaiting, maxBytes });
    session.start(this.#peer());
  }

  onFrame(frame: string | Uint8Array): void {
    if (this.#session.send(frame) || this.#holding) return;
    this.#holding = true;
    this.#line.hold();
  }

  onDrained(): void {
    this.#outgoing.pump();
    if (!this.#isBehind()) this.#session.resume();
  }

  onClosed(code: number, reason: string, by: 'server' | 'client'): void {
    this.#session.close(by === 'client' ? { code, reason } : GOING_AWAY);
    this.#outgoing.clear();
  }

  #peer(): SessionPeer {
    return {
      onFrame: (frame, binary) => {
        const document = binary ? new BinaryEncoded(frame) : new Encoded(frame);
        this.#outgoing.add([{ make: () => document, weight: frame.length }]);
        return !this.#isBehind();
      },
      onDrained: () => {
        if (!this.#holding) return;
        this.#holding = false;
        this.#line.release();
      },
      onEnd: (close, revoked) => {
        if (revoked) this.#outgoing.clear();
        // Behind what waits.
        const make = (): undefined => void this.#line.close(close);
        this.#outgoing.add([{ weight: 0, make }]);
      },
    };
  }

  #isBehind(): boolean {
    return this.#outgoing.size > 0 || this.#line.blocked;
  }
}
