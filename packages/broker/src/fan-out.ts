/**
 * Hands what happens to the nodes that listen, one thing after the other. A handler that publishes while it is being called does not
 * overtake: what it causes waits until everybody has the current one, so that all nodes see one order. Everything is delivered before
 * the outermost call returns. A handler that throws is logged and the others are served.
 */
import type { Logger } from '@trunkline/base';
import type { ChannelKey, ClientInfo, Publication } from '@trunkline/protocol';
import type { BrokerHandler } from './broker.js';

/** One node: what it wants to hear and where to say it. */
export interface Listener {
  readonly handler: BrokerHandler;
  readonly keys: Set<ChannelKey>;
  readonly address: string;
}

type Happening =
  | {
      readonly kind: 'publication';
      readonly key: ChannelKey;
      readonly publication: Publication;
      readonly epoch: string;
    }
  | { readonly kind: 'join' | 'leave'; readonly key: ChannelKey; readonly info: ClientInfo }
  | { readonly kind: 'control'; readonly message: string; readonly from: Listener; readonly to: string };

export class FanOut {
  readonly #logger: Logger;
  #listeners: readonly Listener[] = [];
  #delivering = false;
  #waiting: Happening[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get listeners(): number {
    return this.#listeners.length;
  }

  /** Lists are replaced, not changed: a delivery under way keeps the one it began with. */
  add(listener: Listener): void {
    this.#listeners = [...this.#listeners, listener];
  }

  remove(listener: Listener): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  /** The frequent one: nothing is allocated unless a delivery is under way. */
  publication(key: ChannelKey, publication: Publication, epoch: string): void {
    if (this.#delivering) {
      this.#waiting.push({ kind: 'publication', key, publication, epoch });
      return;
    }
    this.#delivering = true;
    for (const listener of this.#listeners) {
      if (!listener.keys.has(key)) continue;
      try {
        listener.handler.onPublication(key, publication, epoch);
      } catch (cause) {
        this.#complain(cause);
      }
    }
    this.#finish();
  }

  join(key: ChannelKey, info: ClientInfo): void {
    this.#deliver({ kind: 'join', key, info });
  }

  leave(key: ChannelKey, info: ClientInfo): void {
    this.#deliver({ kind: 'leave', key, info });
  }

  /** `to`: the address of the only one that hears it; `''`: all others do. */
  control(message: string, from: Listener, to: string): void {
    this.#deliver({ kind: 'control', message, from, to });
  }

  #deliver(happening: Happening): void {
    this.#waiting.push(happening);
    if (this.#delivering) return;
    this.#delivering = true;
    this.#finish();
  }

  #finish(): void {
    if (this.#waiting.length > 0) {
      for (let at = 0; at < this.#waiting.length; at++) this.#hand(this.#waiting[at] as Happening);
      this.#waiting = [];
    }
    this.#delivering = false;
  }

  #hand(happening: Happening): void {
    for (const listener of this.#listeners) {
      try {
        handTo(listener, happening);
      } catch (cause) {
        this.#complain(cause);
      }
    }
  }

  #complain(cause: unknown): void {
    this.#logger.error({ err: cause }, 'a broker handler threw');
  }
}

function handTo(listener: Listener, happening: Happening): void {
  if (happening.kind === 'control') {
    const { from, to, message } = happening;
    if (listener !== from && (to === '' || to === listener.address)) listener.handler.onControl(message);
    return;
  }
  if (!listener.keys.has(happening.key)) return;
  switch (happening.kind) {
    case 'publication':
      return listener.handler.onPublication(happening.key, happening.publication, happening.epoch);
    case 'join':
      return listener.handler.onJoin(happening.key, happening.info);
    case 'leave':
      return listener.handler.onLeave(happening.key, happening.info);
  }
}
