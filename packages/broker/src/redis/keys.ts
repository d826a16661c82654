/** Names in Redis. A channel's keys share a hash tag, so that a script finds all of them on one server of a cluster. */
import type { ChannelKey } from '@trunkline/protocol';

export class Keys {
  readonly #prefix: string;
  readonly #channelPrefix: string;
  /** All nodes hear it. */
  readonly control: string;
  /** Sorted set of maps with keys that will run out, by the time of the next. */
  readonly mapIndex: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#channelPrefix = `${prefix}:c:`;
    this.control = `${prefix}:control`;
    this.mapIndex = `${prefix}:maps`;
  }

  /** What is published about a channel. */
  channel(key: ChannelKey): string {
    return this.#channelPrefix + key;
  }

  /** One node hears it. */
  controlOf(address: string): string {
    return `${this.control}:${address}`;
  }

  /** The inverse of `channel`; undefined for other names. */
  keyOf(channel: string): ChannelKey | undefined {
    return channel.startsWith(this.#channelPrefix)
      ? (channel.slice(this.#channelPrefix.length) as ChannelKey)
      : undefined;
  }

  stream(key: ChannelKey): readonly [meta: string, stream: string] {
    return [this.#of(key, 'm'), this.#of(key, 's')];
  }

  presence(key: ChannelKey): readonly string[] {
    return [this.#of(key, 'P'), this.#of(key, 'Z'), this.#of(key, 'U')];
  }

  map(key: ChannelKey): readonly string[] {
    return ['M', 'S', 'h', 'z', 'x'].map((part) => this.#of(key, part)).concat(this.mapIndex);
  }

  /** Streams and maps have scopes of their own, and so has each channel; the length tells where a channel's name ends and `name` begins. */
  idempotency(scope: 'i' | 'I', key: ChannelKey, name: string | undefined): string {
    return name === undefined ? '' : `${this.#of(key, `${scope}${key.length}`)}:${name}`;
  }

  #of(key: ChannelKey, part: string): string {
    return `${this.#prefix}:${part}:{${key}}`;
  }
}
