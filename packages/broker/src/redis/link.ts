/**
 * A node's two connections to Redis: one for commands, one that listens. Commands wait for a connection for a bounded time and are never sent
 * twice: one that was under way when the connection broke fails, and its caller decides. The listening connection renews its interests
 * itself and says when it may have missed something; a message that a node sends itself at intervals finds out when nothing comes any more
 * although the connection looks well.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { every, type Clock, type Logger, type Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { Command, Redis, type RedisOptions } from 'ioredis';
import type { RedisBrokerOptions } from './options.js';

/** Interests in one command. */
const RENEW_BATCH = 1_000;

export interface LinkEvents {
  onMessage(channel: string, message: Buffer): void;
  /** Listening goes on, but something may have been missed. */
  onResumed(): void;
  /** Nothing that was sent until now will be heard any more. */
  onLost(): void;
}

export interface Script {
  readonly lua: string;
  readonly sha: string;
}

export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

export type Argument = string | number | Buffer;

/** Methods that the client has and its types leave out. (Its generic `call` cannot be used with automatic pipelines.) */
interface Scripting {
  evalshaBuffer(sha: string, ...rest: readonly [keys: number, ...Argument[]]): Promise<unknown>;
  evalBuffer(lua: string, ...rest: readonly [keys: number, ...Argument[]]): Promise<unknown>;
}

export class RedisLink {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #options: RedisBrokerOptions;
  readonly #events: LinkEvents;
  readonly #commands: Redis;
  readonly #listener: Redis;
  readonly #channels = new Set<string>();
  readonly #pulseChannel: string;
  readonly #pulse: Timer;
  #pending = 0;
  /** Resolves when the listening connection is up and its interests are renewed; another one after each loss. */
  #renewed: Promise<void>;
  #onRenewed: () => void = () => undefined;
  #batch: { readonly channels: string[]; done: Promise<unknown> } | undefined;
  #heard = true;
  #wasReady = false;
  #disposed = false;

  constructor(
    deps: { readonly clock: Clock; readonly logger: Logger },
    options: RedisBrokerOptions,
    nodeId: string,
    events: LinkEvents,
  ) {
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#options = options;
    this.#events = events;
    const settings = {
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: null,
      connectTimeout: options.commandTimeoutMs,
      keepAlive: options.heartbeatIntervalMs,
      retryStrategy: (attempt: number) =>
        Math.min(options.maxReconnectDelayMs, 20 * 2 ** Math.min(attempt, 10)),
    } satisfies Partial<RedisOptions>;
    this.#commands = new Redis(options.url, {
      ...settings,
      commandTimeout: options.commandTimeoutMs,
      enableAutoPipelining: true,
    });
    this.#listener = new Redis(options.url, {
      ...settings,
      autoResubscribe: false,
      enableOfflineQueue: false,
      // A listening connection takes few other commands.
      enableReadyCheck: false,
    });
    for (const [name, redis] of [
      ['commands', this.#commands],
      ['listener', this.#listener],
    ] as const)
      redis.on('error', (cause: Error) => this.#complain(name, cause));
    this.#pulseChannel = `${options.prefix}:pulse:${nodeId}`;
    this.#listener.on('ready', () => void this.#renew());
    this.#renewed = this.#nextRenewal();
    this.#listener.on('close', () => {
      this.#renewed = this.#nextRenewal();
      events.onLost();
    });
    this.#listener.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      const name = channel.toString('utf8');
      if (name === this.#pulseChannel) this.#heard = true;
      else events.onMessage(name, message);
    });
    this.#pulse = every(this.#clock, options.heartbeatIntervalMs, () => this.#beat());
  }

  /** Runs a script, by its digest where Redis knows it. Throws `sourceUnavailable` where Redis does not answer in time. */
  run(one: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#send(async () => {
      const rest = [keys.length, ...keys, ...args] as [number, ...Argument[]];
      try {
        return await this.#scripting.evalshaBuffer(one.sha, ...rest);
      } catch (cause) {
        if (!String(cause).includes('NOSCRIPT')) throw cause;
        return this.#scripting.evalBuffer(one.lua, ...rest);
      }
    });
  }

  /** One plain command. */
  call(name: string, ...args: Argument[]): Promise<unknown> {
    return this.#send(async () =>
      this.#commands.sendCommand(new Command(name, args, { replyEncoding: null })),
    );
  }

  /** What is published after it resolves is heard. While there is no connection it waits for the next one, for a bounded time. */
  async listen(channel: string): Promise<void> {
    if (this.#channels.has(channel)) return;
    this.#channels.add(channel);
    try {
      await this.#send(() => this.#withTimeout(this.#subscribeSoon(channel)));
    } catch (cause) {
      this.#channels.delete(channel);
      throw cause;
    }
  }

  async unlisten(channel: string): Promise<void> {
    if (!this.#channels.delete(channel) || this.#disposed || this.#listener.status !== 'ready') return;
    await this.#withTimeout(this.#listener.unsubscribe(channel)).catch((cause: Error) =>
      this.#complain('listener', cause),
    );
  }

  listens(channel: string): boolean {
    return this.#channels.has(channel) && this.#listener.status === 'ready';
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pulse.cancel();
    this.#channels.clear();
    this.#commands.disconnect();
    this.#listener.disconnect();
  }

  // ------------------------------------------------------------ inside

  get #scripting(): Scripting {
    return this.#commands as unknown as Scripting;
  }

  async #send<T>(command: () => Promise<T>): Promise<T> {
    if (this.#disposed) throw new CodedError('shuttingDown', 'broker is disposed');
    if (this.#pending >= this.#options.maxPending)
      throw new CodedError('sourceUnavailable', `the broker is behind: ${this.#pending} commands wait`);
    this.#pending++;
    try {
      return await command();
    } catch (cause) {
      if (cause instanceof CodedError) throw cause;
      if (this.#disposed) throw new CodedError('shuttingDown', 'broker is disposed');
      throw new CodedError('sourceUnavailable', 'the broker does not answer', { cause });
    } finally {
      this.#pending--;
    }
  }

  #withTimeout<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(
        () => reject(new Error('timed out')),
        this.#options.commandTimeoutMs,
      );
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  /** Interests of one turn go as one command: a client that comes back has thousands. */
  #subscribeSoon(channel: string): Promise<unknown> {
    const batch = this.#batch ?? { channels: [], done: Promise.resolve<unknown>(undefined) };
    if (this.#batch === undefined) {
      this.#batch = batch;
      batch.done = Promise.resolve().then(async () => {
        this.#batch = undefined;
        await this.#renewed;
        for (let at = 0; at < batch.channels.length; at += RENEW_BATCH)
          await this.#listener.subscribe(...batch.channels.slice(at, at + RENEW_BATCH));
      });
    }
    batch.channels.push(channel);
    return batch.done;
  }

  #nextRenewal(): Promise<void> {
    // Those who wait for the present one go on waiting, for the next.
    const before = this.#onRenewed;
    return new Promise((resolve) => {
      this.#onRenewed = () => {
        before();
        resolve();
      };
    });
  }

  /** After every connect of the listener. Other interests may be added meanwhile; they subscribe for themselves. */
  async #renew(): Promise<void> {
    try {
      await this.#listener.subscribe(this.#pulseChannel);
      const channels = [...this.#channels];
      for (let at = 0; at < channels.length; at += RENEW_BATCH)
        await this.#listener.subscribe(...channels.slice(at, at + RENEW_BATCH));
      this.#heard = true;
      this.#onRenewed();
      if (this.#wasReady) this.#events.onResumed();
      this.#wasReady = true;
    } catch (cause) {
      this.#complain('listener', cause as Error);
      if (!this.#disposed) this.#listener.disconnect(true);
    }
  }

  #beat(): void {
    if (this.#listener.status !== 'ready') return;
    if (!this.#heard) {
      this.#logger.warn({ broker: 'redis' }, 'nothing comes over the listening connection: connecting again');
      this.#listener.disconnect(true);
      return;
    }
    this.#heard = false;
    // A beat that could not be sent tells of the commands, not of the listener.
    this.call('PUBLISH', this.#pulseChannel, '1').catch(() => {
      this.#heard = true;
    });
  }

  #complain(connection: string, cause: Error): void {
    if (!this.#disposed)
      this.#logger.warn({ broker: 'redis', connection, cause: cause.message }, 'connection to Redis failed');
  }
}
