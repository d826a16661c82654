/**
 * `GET /wsMultiplexer`: many watches of many clusters over one WebSocket, for clients that exist (docs/spec/kube-wires.md). A client asks with REQUEST and gives up with CLOSE, each by
 * cluster, path and query; what it gets are DATA and ERROR. An error concerns its watch alone: the socket stays.
 */
import type { Clock } from '@trunkline/base';
import type { Conversation, Endpoint, Line, LinkProfile, OpenDecision, OpenRequest } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { parseWatch } from './api-path.js';
import { EnvelopeWriter, keyOf, parseEnvelope, type EnvelopeKey } from './envelope.js';
import type { WatchEvent } from './event.js';
import { presentedToken, type Identify } from './identify.js';
import { Outgoing } from './outgoing.js';
import { refuse } from './refusal.js';
import { ViewedWatch, type ViewedWatchDeps } from './viewed-watch.js';
import type { WiresOptions } from './options.js';

export interface MultiplexerDeps extends ViewedWatchDeps {
  readonly clock: Clock;
  readonly identify: Identify;
}

export const MULTIPLEXER_PROTOCOL = 'headlamp.multiplexer.k8s.io';

export function createMultiplexer(
  deps: MultiplexerDeps,
  options: WiresOptions,
  profile: LinkProfile,
): Endpoint {
  const open = async (request: OpenRequest): Promise<OpenDecision> => {
    if (!request.originAllowed) return { kind: 'refuse', status: 403, body: 'origin not allowed' };
    try {
      const principal = await deps.identify(request, presentedToken(request));
      return {
        kind: 'converse',
        principal,
        profile,
        ...(request.subprotocols.includes(MULTIPLEXER_PROTOCOL) ? { subprotocol: MULTIPLEXER_PROTOCOL } : {}),
        begin: (line) => new MultiplexerConversation(deps, options, line),
      };
    } catch (cause) {
      return refuse(cause);
    }
  };
  return {
    id: 'kube-multiplexer',
    method: 'GET',
    path: options.multiplexerPath,
    transport: 'websocket',
    deadlineMs: options.openDeadlineMs,
    open,
  };
}

/** Numbers remembered per connection. */
const SHOWN_MAX = 2_000;

class MultiplexerConversation implements Conversation {
  readonly #deps: MultiplexerDeps;
  readonly #options: WiresOptions;
  readonly #line: Line;
  readonly #outgoing: Outgoing;
  readonly #watches = new Map<string, ViewedWatch>();
  /** Numbers that were shown here and mean more than a version, by list; a client comes back with them at once. */
  readonly #shown = new Set<string>();
  /** Watches about whose rights nobody has answered yet. */
  #asking = 0;
  #holding = false;

  constructor(deps: MultiplexerDeps, options: WiresOptions, line: Line) {
    this.#deps = deps;
    this.#options = options;
    this.#line = line;
    this.#outgoing = new Outgoing(line, { maxItems: options.maxWaiting, maxBytes: options.maxWaitingBytes });
  }

  onFrame(frame: string | Uint8Array): void {
    const inbound = parseEnvelope(frame);
    switch (inbound.kind) {
      case 'request':
        this.#request(inbound.key);
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
    this.#pace();
  }

  onClosed(): void {
    for (const watch of this.#watches.values()) watch.dispose();
    this.#watches.clear();
    this.#outgoing.clear();
  }

  #request(key: EnvelopeKey): void {
    const name = keyOf(key);
    if (this.#watches.has(name)) return;
    if (this.#watches.size >= this.#options.maxWatches)
      return this.#error(key, `more than ${this.#options.maxWatches} watches on one connection`);
    let target;
    try {
      target = parseWatch(key.path, new URLSearchParams(key.query));
    } catch (cause) {
      return this.#error(key, wordsOf(cause));
    }
    const writer = new EnvelopeWriter(key);
    const list = JSON.stringify([key.clusterId, target.question]);
    const wasShown = this.#shown.has(`${list}${target.version}`);
    const asked = { principal: this.#line.principal, cluster: key.clusterId, target, wasShown };
    const watch = new ViewedWatch(this.#deps, this.#options, asked, {
      onEvents: (events, live) => {
        for (const { isPlaced, version } of events) if (isPlaced) this.#noteShown(`${list}${version}`);
        this.#send(watch, writer, events, live);
      },
      onCurrent: () => undefined,
      onFault: (error) => this.#say(writer, error.message),
      onEnd: (error) => {
        if (this.#watches.get(name) === watch) this.#watches.delete(name);
        this.#say(writer, error.message);
      },
    });
    this.#watches.set(name, watch);
    this.#asking++;
    void watch.start().then(() => {
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

  #noteShown(number: string): void {
    this.#shown.delete(number);
    this.#shown.add(number);
    if (this.#shown.size <= SHOWN_MAX) return;
    for (const oldest of this.#shown) {
      this.#shown.delete(oldest);
      return;
    }
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
