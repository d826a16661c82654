/**
 * A node's two connections to Redis: one for commands, one that listens. Commands wait for a connection for a bounded time and are never sent
 * twice, and never late: one that was under way when the connection broke fails, one that found none in time was never sent, and the
 * caller decides. After each loss the listening connection renews its interests and says that something may have been missed. Both are made
 * anew where they are open and answer nothing: a message that a node sends itself finds out about the listening one.
 */
import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { every, type Clock, type Logger, type Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { Command, Redis, type RedisOptions } from 'ioredis';
import { Interests } from './interests.js';
import type { RedisBrokerOptions } from './options.js';

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
  readonly #commands: Redis;
  readonly #listener: Redis;
  readonly #interests: Interests;
  readonly #pulseChannel: string;
  readonly #pulse: Timer;
  /** Commands that wait for a connection or an answer, as what ends their wait. */
  readonly #pending = new Set<(cause: Error) => void>();
  /** Of them, those that wait for a connection, in order. */
  readonly #waiting = new Set<() => void>();
  #connections = 0;
  #heard = true;
  #stale = false;
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
    const settings = {
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      // What is under way when a connection ends fails at once.
      maxRetriesPerRequest: 0,
      connectTimeout: options.commandTimeoutMs,
      // A connection that owes answers and brings nothing is dropped, with what was not sent yet.
      socketTimeout: options.commandTimeoutMs,
      keepAlive: options.heartbeatIntervalMs,
      retryStrategy: (attempt: number) =>
        Math.min(options.maxReconnectDelayMs, 20 * 2 ** Math.min(attempt, 10)),
    } satisfies Partial<RedisOptions>;
    this.#commands = new Redis(options.url, {
      ...settings,
      enableAutoPipelining: true,
      reconnectOnError: (cause) => this.#isDemotion(cause),
    });
    this.#listener = new Redis(options.url, {
      ...settings,
      autoResubscribe: false,
      // A listening connection takes few other commands.
      enableReadyCheck: false,
    });
    for (const [name, redis] of [
      ['commands', this.#commands],
      ['listener', this.#listener],
    ] as const)
      redis.on('error', (cause: Error) => this.#complain(name, cause));
    this.#commands.on('ready', () => {
      for (const go of this.#waiting) go();
      this.#waiting.clear();
    });
    this.#interests = new Interests(deps.clock, options.commandTimeoutMs, {
      subscribe: (channels) => this.#listener.subscribe(...channels),
      unsubscribe: (channels) => this.#listener.unsubscribe(...channels),
      onRenewed: () => {
        if (this.#connections > 1) events.onResumed();
      },
      onFailed: (cause) => {
        this.#complain('listener', cause as Error);
        if (!this.#disposed) this.#listener.disconnect(true);
      },
    });
    this.#pulseChannel = `${options.prefix}:pulse:${nodeId}`;
    this.#interests.keep(this.#pulseChannel);
    this.#listener.on('ready', () => {
      this.#connections++;
      this.#heard = true;
      this.#interests.connected();
    });
    this.#listener.on('close', () => {
      this.#interests.lost();
      events.onLost();
    });
    this.#listener.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      this.#heard = true;
      const name = channel.toString('utf8');
      if (name !== this.#pulseChannel && this.#interests.isWanted(name)) events.onMessage(name, message);
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
        if (!(cause instanceof Error && cause.message.startsWith('NOSCRIPT'))) throw cause;
        return this.#scripting.evalBuffer(one.lua, ...rest);
      }
    });
  }

  /** One plain command. */
  call(name: string, ...args: Argument[]): Promise<unknown> {
    return this.#send(() => this.#plain(name, ...args));
  }

  /** What is published after it resolves is heard. While there is no connection it waits for the next one, for a bounded time. */
  async listen(channel: string): Promise<void> {
    if (this.#disposed) throw disposed();
    try {
      await this.#interests.want(channel);
    } catch (cause) {
      throw toCoded(cause);
    }
  }

  /** Listens as soon as there is a connection, however late, and for ever. */
  keepListening(channel: string): void {
    this.#interests.keep(channel);
  }

  unlisten(channel: string): void {
    this.#interests.drop(channel);
  }

  /** Redis confirmed it, and the connection stands. */
  listens(channel: string): boolean {
    return this.#interests.isHeard(channel);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pulse.cancel();
    this.#interests.dispose(disposed());
    for (const end of [...this.#pending]) end(disposed());
    this.#waiting.clear();
    this.#commands.disconnect();
    this.#listener.disconnect();
  }

  // ------------------------------------------------------------ inside

  get #scripting(): Scripting {
    return this.#commands as unknown as Scripting;
  }

  #plain(name: string, ...args: Argument[]): Promise<unknown> {
    return this.#commands.sendCommand(new Command(name, args, { replyEncoding: null })) as Promise<unknown>;
  }

  /** Sends once there is a connection; ends after `commandTimeoutMs` in any case. */
  #send<T>(command: () => Promise<T>): Promise<T> {
    if (this.#disposed) return Promise.reject(disposed());
    const waits = this.#pending.size;
    if (waits >= this.#options.maxPending)
      return Promise.reject(
        new CodedError('sourceUnavailable', `the broker is behind: ${waits} commands wait`),
      );
    return new Promise((resolve, reject) => {
      const done = (): void => {
        timer.cancel();
        this.#pending.delete(fail);
      };
      const fail = (cause: unknown): void => {
        done();
        reject(toCoded(cause));
      };
      const go = (): void => {
        command().then((answer) => {
          done();
          resolve(answer);
        }, fail);
      };
      const timer = this.#clock.setTimeout(() => {
        this.#waiting.delete(go);
        fail(new Error('timed out'));
      }, this.#options.commandTimeoutMs);
      this.#pending.add(fail);
      if (this.#commands.status === 'ready') go();
      else this.#waiting.add(go);
    });
  }

  #beat(): void {
    this.#stale = false;
    if (this.#listener.status !== 'ready') return;
    if (!this.#heard) {
      this.#logger.warn({ broker: 'redis' }, 'nothing comes over the listening connection: connecting again');
      this.#listener.disconnect(true);
      return;
    }
    this.#heard = false;
    // A beat that could not be sent tells of the commands, not of the listener.
    this.#plain('PUBLISH', this.#pulseChannel, '1').catch(() => {
      this.#heard = true;
    });
  }

  /** A server that became a replica takes no writes: its address leads to another one by now. Tried once in each interval. */
  #isDemotion(cause: Error): boolean {
    if (!cause.message.startsWith('READONLY') || this.#stale) return false;
    this.#stale = true;
    this.#listener.disconnect(true);
    return true;
  }

  #complain(connection: string, cause: Error): void {
    if (!this.#disposed)
      this.#logger.warn({ broker: 'redis', connection, cause: cause.message }, 'connection to Redis failed');
  }
}

function disposed(): CodedError {
  return new CodedError('shuttingDown', 'broker is disposed');
}

function toCoded(cause: unknown): CodedError {
  return cause instanceof CodedError
    ? cause
    : new CodedError('sourceUnavailable', 'the broker does not answer', { cause });
}
