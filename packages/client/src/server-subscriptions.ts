/**
 * Subscriptions the server made for this client (from its token or through the API). The application hears of them as events, under the same
 * promise as its own: a reset is told before any publication that follows it. They cannot be taken again from here, so a jump is a reset.
 */
import type { Position, Tags } from '@trunkline/protocol';
import type { Connection } from './connection.js';
import { openTrack, step, type Missing, type Reset, type Track, type TrackEvent } from './continuity.js';
import { parseSubscribeData, type Notice } from './extensions.js';
import type { ResolvedOptions } from './options.js';
import type { ClientInfo } from './reader.js';

export type ServerEvent =
  | {
      readonly kind: 'subscribed';
      readonly channel: string;
      readonly position: Position | undefined;
      readonly data: unknown;
    }
  | {
      readonly kind: 'publication';
      readonly channel: string;
      readonly data: unknown;
      readonly offset: number;
      readonly tags?: Tags;
      readonly info?: ClientInfo;
    }
  | ({ readonly kind: 'reset'; readonly channel: string } & Reset)
  | { readonly kind: 'gap'; readonly channel: string; readonly missing: Missing }
  | { readonly kind: 'join' | 'leave'; readonly channel: string; readonly info: ClientInfo }
  /** The connection was lost; the subscription comes back with it. */
  | { readonly kind: 'subscribing'; readonly channel: string }
  | { readonly kind: 'unsubscribed'; readonly channel: string };

export type ServerListener = (event: ServerEvent) => void;

const OPTIONS = { filtered: false, unexplained: false, cache: false };

export class ServerSubscriptions {
  readonly #options: ResolvedOptions;
  readonly #tracks = new Map<string, Track>();
  readonly #listeners = new Set<ServerListener>();

  constructor(connection: Connection, options: ResolvedOptions) {
    this.#options = options;
    const { centrifuge } = connection;
    centrifuge.on('subscribed', (context) => {
      const {
        channel,
        streamPosition: position,
        wasRecovering,
        recovered,
        hasRecoveredPublications: hasPublications,
      } = context;
      const { outcome, source, data } = parseSubscribeData(context.data);
      this.#tracks.set(channel, this.#trackOf(channel));
      this.#take(channel, {
        kind: 'subscribed',
        position,
        recoverable: false,
        wasRecovering,
        recovered,
        hasPublications,
        outcome,
        source,
        unexplained: false,
      });
      this.#tell({ kind: 'subscribed', channel, position, data });
    });
    centrifuge.on('subscribing', ({ channel }) => {
      this.#take(channel, {
        kind: 'subscribing',
        nowMs: options.clock.now(),
        reason: 'transport closed',
        invalidated: false,
      });
      this.#tell({ kind: 'subscribing', channel });
    });
    centrifuge.on('unsubscribed', ({ channel }) => {
      this.#tracks.delete(channel);
      this.#tell({ kind: 'unsubscribed', channel });
    });
    centrifuge.on('publication', ({ channel, data, offset = 0, tags, info }) => {
      const told: ServerEvent = {
        kind: 'publication',
        channel,
        data: data as unknown,
        offset,
        ...(tags ? { tags } : {}),
        ...(info ? { info } : {}),
      };
      this.#take(channel, { kind: 'publication', offset, nowMs: options.clock.now() }, told);
    });
    centrifuge.on('join', ({ channel, info }) => this.#tell({ kind: 'join', channel, info }));
    centrifuge.on('leave', ({ channel, info }) => this.#tell({ kind: 'leave', channel, info }));
  }

  get channels(): readonly string[] {
    return [...this.#tracks.keys()];
  }

  on(listener: ServerListener): () => void {
    const own: ServerListener = (event) => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  handleNotice(notice: Notice & { kind: 'gap' }): void {
    if (this.#tracks.has(notice.channel))
      this.#take(notice.channel, { ...notice, nowMs: this.#options.clock.now() });
  }

  #trackOf(channel: string): Track {
    return this.#tracks.get(channel) ?? openTrack(this.#options.clock.now(), OPTIONS);
  }

  #take(channel: string, event: TrackEvent, publication?: ServerEvent): void {
    const { track, effects } = step(this.#trackOf(channel), event);
    if (this.#tracks.has(channel)) this.#tracks.set(channel, track);
    for (const effect of effects) {
      if (effect.kind === 'deliver') {
        if (publication) this.#tell(publication);
      } else if (effect.kind !== 'resubscribe') this.#tell({ ...effect, channel });
    }
  }

  #tell(event: ServerEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#options.report(error, { where: 'handler', channel: event.channel });
      }
    }
  }
}
