/**
 * `GET /wsMultiplexer`: many watches of many clusters over one WebSocket, for clients that exist (docs/spec/kube-wires.md). A client asks with REQUEST and gives up with CLOSE, each by
 * cluster, path and query; what it gets are DATA and ERROR. An error concerns its watch alone: the socket stays. Sessions in pods are asked for like watches.
 */
import type { Conversation, Endpoint, Line, LinkProfile } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { parseWatch } from './api-path.js';
import { EnvelopeWriter, keyOf, parseEnvelope, type EnvelopeKey } from './envelope.js';
import type { WatchEvent } from './event.js';
import type { Identify } from './identify.js';
import type { WiresOptions } from './options.js';
import { MuxSession } from './mux-session.js';
import { Outgoing } from './outgoing.js';
import type { Sessions } from './sessions.js';
import { ShownNumbers } from './shown.js';
import { parseStream, type StreamTarget } from './stream-path.js';
import { ViewedWatch, type Asked, type ViewedWatchDeps } from './viewed-watch.js';
import { createWireEndpoint } from './wire-endpoint.js';

export interface MultiplexerDeps extends ViewedWatchDeps {
  readonly identify: Identify;
  readonly sessions: Sessions;
}

export function createMultiplexer(
  deps: MultiplexerDeps,
  options: WiresOptions,
  profile: LinkProfile,
): Endpoint {
  return createWireEndpoint(deps.identify, options, profile, {
    id: 'kube-multiplexer',
    path: options.multiplexerPath,
    enter: (_principal, { subprotocols, remoteAddress }) =>
      Promise.resolve({
        subprotocol: selectProtocol(subprotocols),
        begin: (line) => new MultiplexerConversation(deps, options, line, remoteAddress),
      }),
  });
}

const PROTOCOL = 'headlamp.multiplexer.k8s.io';

/** Browsers give up a connection for which they have offered something and nothing was selected. What carries a credential comes last. */
function selectProtocol(offered: readonly string[]): string | undefined {
  if (offered.includes(PROTOCOL)) return PROTOCOL;
  return offered.find((one) => !/^base64url\..*authorization\.k8s\.io\./.test(one)) ?? offered[0];
}

/** Numbers remembered per connection. */
const SHOWN_MAX = 2_000;

class MultiplexerConversation implements Conversation {
  readonly #deps: MultiplexerDeps;
  readonly #options: WiresOptions;
  readonly #line: Line;
  readonly #outgoing: Outgoing;
  readonly #address: string;
  readonly #watches = new Map<string, ViewedWatch | MuxSession>();
  /** By list; a client comes back with them at once. */
  readonly #shown = new ShownNumbers(SHOWN_MAX);
  /** Watches about whose rights nobody has answered yet. */
  #asking = 0;
  #holding = false;

  constructor(deps: MultiplexerDeps, options: WiresOptions, line: Line, address: string) {
    this.#deps = deps;
    this.#options = options;
    this.#line = line;
    this.#address = address;
    this.#outgoing = new Outgoing(line, { maxItems: options.maxWaiting, maxBytes: options.maxWaitingBytes });
  }

  onFrame(frame: string | Uint8Array): void {
    const inbound = parseEnvelope(frame);
    switch (inbound.kind) {
      case 'request':
        this.#request(inbound.key, inbound.data);
        break;
      case 'close':
        this.#close(keyOf(inbound.key));
        break;
      case 'bad':
        this.#error(inbound.key, inbound.why);
        break;
    }
    this.#pace();
  }

  onDrained(): void {
    this.#outgoing.pump();
    if (this.#outgoing.size === 0)
      for (const one of this.#watches.values()) if (one instanceof MuxSession) one.resume();
    this.#pace();
  }

  onClosed(): void {
    for (const watch of this.#watches.values()) watch.dispose();
    this.#watches.clear();
    this.#outgoing.clear();
  }

  #request(key: EnvelopeKey, data: string): void {
    const name = keyOf(key);
    const known = this.#watches.get(name);
    if (known instanceof MuxSession && data !== '') known.send(data);
    if (known !== undefined) return;
    if (this.#watches.size >= this.#options.maxWatches)
      return this.#error(key, `more than ${this.#options.maxWatches} watches on one connection`);
    let target;
    try {
      const query = new URLSearchParams(key.query);
      const stream = parseStream(key.path, query);
      if (stream !== undefined) return this.#enter(key, name, stream, data);
      target = parseWatch(key.path, query);
    } catch (cause) {
      return this.#error(key, wordsOf(cause));
    }
    const writer = new EnvelopeWriter(key);
    const list = JSON.stringify([key.clusterId, target.question]);
    const wasShown = this.#shown.has(list, target.version) ? 'here' : 'never';
    const asked: Asked = { principal: this.#line.principal, cluster: key.clusterId, target, wasShown };
    const watch = new ViewedWatch(this.#deps, this.#options, asked, {
      onEvents: (events, live) => {
        for (const { isPlaced, version } of events) if (isPlaced) this.#shown.note(list, version);
        this.#send(watch, writer, events, live);
      },
      onCurrent: () => undefined,
      onPart: (words) => this.#say(writer, words),
      onFault: (error) => this.#say(writer, error.message),
      onEnd: (error) => {
        if (this.#watches.get(name) === watch) this.#watches.delete(name);
        this.#say(writer, error.message);
      },
    });
    this.#watches.set(name, watch);
    this.#await(watch.start());
  }

  #enter(key: EnvelopeKey, name: string, target: StreamTarget, data: string): void {
    const writer = new EnvelopeWriter(key);
    const session: MuxSession = new MuxSession(this.#options.sessionFrameBytes, {
      onFrame: (frame, binary) => {
        const make = () => (session.muted ? undefined : writer.frame(frame, binary));
        this.#outgoing.add([{ make, weight: frame.length }]);
        return this.#outgoing.size === 0;
      },
      onEnd: (words) => {
        if (this.#watches.get(name) === session) this.#watches.delete(name);
        this.#say(writer, words);
      },
    });
    this.#watches.set(name, session);
    if (data !== '') session.send(data);
    const wish = {
      principal: this.#line.principal,
      cluster: key.clusterId,
      target,
      address: this.#address,
    };
    this.#await(session.start(this.#deps.sessions, wish));
  }

  #await(started: Promise<void>): void {
    this.#asking++;
    void started.then(() => {
      this.#asking--;
      this.#pace();
    });
  }

  #close(name: string): void {
    this.#watches.get(name)?.dispose();
    this.#watches.delete(name);
  }

  #send(watch: ViewedWatch, writer: EnvelopeWriter, events: readonly WatchEvent[], live: boolean): void {
    this.#outgoing.add(
      events.map((event) => ({
        make: () => (watch.ended ? undefined : writer.data(event)),
        weight: live ? event.bytes : 0,
      })),
    );
  }

  #error(key: EnvelopeKey, why: string): void {
    this.#say(new EnvelopeWriter(key), why);
  }

  #say(writer: EnvelopeWriter, why: string): void {
    this.#outgoing.add([{ make: () => writer.error(why), weight: why.length }]);
  }

  /** Nothing is read from a peer that asks faster than it can be answered, or does not read itself. */
  #pace(): void {
    const { maxAsking, readBelow } = this.#options;
    const full = this.#asking >= maxAsking || this.#outgoing.size > readBelow;
    if (full === this.#holding) return;
    this.#holding = full;
    if (full) this.#line.hold();
    else this.#line.release();
  }
}

function wordsOf(cause: unknown): string {
  return cause instanceof CodedError ? cause.message : 'internal error';
}
