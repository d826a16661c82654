/**
 * `GET /clusters/<cluster>/<path>?watch=1…` as a WebSocket: one watch, one JSON event per text frame, as an API server would speak it. Who may not watch is refused before the
 * socket opens; what goes wrong later is an ERROR event, and then the end.
 */
import type { Clock, Timer } from '@trunkline/base';
import type { Conversation, Endpoint, Line, LinkProfile } from '@trunkline/hub';
import type { CodedError } from '@trunkline/protocol';
import { parseWatch } from './api-path.js';
import { toErrorEvent, type WatchEvent } from './event.js';
import type { Identify } from './identify.js';
import type { WiresOptions } from './options.js';
import { Outgoing } from './outgoing.js';
import { ShownNumbers } from './shown.js';
import { toStatus } from './status.js';
import { admit, ViewedWatch, type Admission, type Asked, type ViewedWatchDeps } from './viewed-watch.js';
import { createWireEndpoint } from './wire-endpoint.js';

export interface WatchEndpointDeps extends ViewedWatchDeps {
  readonly identify: Identify;
}

/** Numbers remembered for all viewers: these clients open another socket for each version that they go on from. */
const SHOWN_MAX = 20_000;

/** The close of an API server that has said all. */
const DONE = { code: 1000, reason: '' };

export function createWatchEndpoint(
  deps: WatchEndpointDeps,
  options: WiresOptions,
  profile: LinkProfile,
): Endpoint {
  const shown = new ShownNumbers(SHOWN_MAX);
  return createWireEndpoint(deps.identify, options, profile, {
    id: 'kube-watch',
    path: `${options.clustersPath}/:cluster/*rest`,
    enter: async (principal, { params, query, subprotocols }) => {
      const { cluster = '', rest = '' } = params;
      const target = parseWatch(`/${rest}`, query);
      const list = JSON.stringify([principal.org, principal.user, cluster, target.question]);
      const wasShown = shown.has(list, target.version) ? 'elsewhere' : 'never';
      const asked: Asked = { principal, cluster, target, wasShown };
      const onShown = (version: string): void => shown.note(list, version);
      const admission = await admit(deps.access, principal, cluster, asked.target.question, true);
      return {
        subprotocol: subprotocols.find((one) => one === 'base64.binary.k8s.io'),
        begin: (line) => new WatchConversation(deps, options, line, asked, { admission, onShown }),
      };
    },
  });
}

class WatchConversation implements Conversation {
  readonly #line: Line;
  readonly #outgoing: Outgoing;
  readonly #watch: ViewedWatch;
  readonly #timers: Timer[] = [];

  constructor(
    deps: WatchEndpointDeps,
    options: WiresOptions,
    line: Line,
    asked: Asked,
    { admission, onShown }: { readonly admission: Admission; onShown(version: string): void },
  ) {
    const { clock } = deps;
    const { bookmarks, initialEvents, timeoutMs } = asked.target;
    this.#line = line;
    this.#outgoing = new Outgoing(line, { maxItems: options.maxWaiting, maxBytes: options.maxWaitingBytes });
    this.#watch = new ViewedWatch(deps, options, asked, {
      onEvents: (events, live) => {
        for (const { isPlaced, version } of events) if (isPlaced) onShown(version);
        this.#send(events, live);
      },
      onCurrent: () => {
        if (bookmarks && initialEvents) void this.#bookmark(true);
      },
      // An API server has no words for it; whoever listed before was told there.
      onPart: () => undefined,
      // What can be mended is not the client's business: there are clients that open no second socket.
      onFault: (error) => {
        if (!error.temporary) this.#end(error);
      },
      onEnd: (error) => this.#end(error),
    });
    if (bookmarks) this.#bookmarkIn(clock, options.bookmarkMs);
    if (timeoutMs !== undefined) this.#timers.push(clock.setTimeout(() => this.#finish(), timeoutMs));
    void this.#watch.start(admission);
  }

  /** A client has nothing to say on a watch. */
  onFrame(): void {}

  onDrained(): void {
    this.#outgoing.pump();
  }

  onClosed(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#watch.dispose();
    this.#outgoing.clear();
  }

  #send(events: readonly WatchEvent[], live: boolean): void {
    this.#outgoing.add(events.map((event) => ({ make: () => event.raw, weight: live ? event.bytes : 0 })));
  }

  #end(error: CodedError): void {
    this.#watch.dispose();
    // The client lists again; and what waits may be forbidden by now.
    this.#outgoing.clear();
    this.#send([toErrorEvent(toStatus(error))], true);
    this.#finish();
  }

  /** Behind what waits. */
  #finish(): void {
    this.#watch.dispose();
    this.#outgoing.add([
      {
        weight: 0,
        make: () => {
          this.#line.close(DONE);
          return undefined;
        },
      },
    ]);
  }

  #bookmarkIn(clock: Clock, waitMs: number): void {
    const timer = clock.setTimeout(() => {
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      if (!this.#line.open) return;
      void this.#bookmark(false);
      this.#bookmarkIn(clock, waitMs);
    }, waitMs);
    this.#timers.push(timer);
  }

  async #bookmark(initial: boolean): Promise<void> {
    const event = await this.#watch.bookmark(initial);
    if (event !== undefined) this.#send([event], true);
  }
}
