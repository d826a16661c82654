/**
 * `GET /clusters/<cluster>/<path>?watch=1…` as a WebSocket: one watch, one JSON event per text frame, as an API server would speak it. Who may not watch is refused before the
 * socket opens; what goes wrong later is an ERROR event, and then the end.
 */
import type { Clock, Timer } from '@trunkline/base';
import type { Conversation, Endpoint, Line, LinkProfile, OpenDecision, OpenRequest } from '@trunkline/hub';
import type { CodedError } from '@trunkline/protocol';
import { parseWatch } from './api-path.js';
import { toErrorEvent, type WatchEvent } from './event.js';
import { presentedToken, type Identify } from './identify.js';
import type { WiresOptions } from './options.js';
import { Outgoing } from './outgoing.js';
import { refuse } from './refusal.js';
import { toStatus } from './status.js';
import { admit, ViewedWatch, type Admission, type Asked, type ViewedWatchDeps } from './viewed-watch.js';

export interface WatchEndpointDeps extends ViewedWatchDeps {
  readonly clock: Clock;
  readonly identify: Identify;
}

export const WATCH_PROTOCOL = 'base64.binary.k8s.io';

/** The close of an API server that has said all. */
const DONE = { code: 1000, reason: '' };

export function createWatchEndpoint(
  deps: WatchEndpointDeps,
  options: WiresOptions,
  profile: LinkProfile,
): Endpoint {
  const open = async (request: OpenRequest): Promise<OpenDecision> => {
    if (!request.originAllowed) return { kind: 'refuse', status: 403, body: 'origin not allowed' };
    try {
      const { cluster = '', rest = '' } = request.params;
      const target = parseWatch(`/${rest}`, request.query);
      const principal = await deps.identify(request, presentedToken(request));
      const admission = await admit(deps.access, principal, cluster, target.question);
      return {
        kind: 'converse',
        principal,
        profile,
        ...(request.subprotocols.includes(WATCH_PROTOCOL) ? { subprotocol: WATCH_PROTOCOL } : {}),
        begin: (line) =>
          new WatchConversation(deps, options, line, { principal, cluster, target }, admission),
      };
    } catch (cause) {
      return refuse(cause);
    }
  };
  return {
    id: 'kube-watch',
    method: 'GET',
    path: `${options.clustersPath}/:cluster/*rest`,
    transport: 'websocket',
    deadlineMs: options.openDeadlineMs,
    open,
  };
}

class WatchConversation implements Conversation {
  readonly #line: Line;
  readonly #outgoing: Outgoing;
  readonly #watch: ViewedWatch;
  readonly #timers: Timer[] = [];
  #told = false;

  constructor(
    deps: WatchEndpointDeps,
    options: WiresOptions,
    line: Line,
    asked: Asked,
    admission: Admission,
  ) {
    const { clock } = deps;
    const { bookmarks, initialEvents, timeoutMs } = asked.target;
    this.#line = line;
    this.#outgoing = new Outgoing(line, { maxItems: options.maxWaiting, maxBytes: options.maxWaitingBytes });
    this.#watch = new ViewedWatch(deps, options, asked, {
      onEvents: (events, live) => {
        this.#told = true;
        this.#send(events, live);
      },
      onCurrent: () => {
        this.#told = true;
        if (bookmarks && initialEvents) void this.#bookmark(true);
      },
      // What happens upstream later is not the client's business as long as it can be mended.
      onFault: (error) => {
        if (!this.#told || !error.temporary) this.#end(error);
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
