/** The live connection of `tail` and `rpc`: the client SDK over the `ws` package's WebSocket. */
import {
  CodedError,
  createClient,
  type Client,
  type Continuity,
  type Position,
  type StreamSubscription,
  type WebSocketConstructor,
} from '@trunkline/client';
import WebSocket from 'ws';
import { unreachable } from './api.js';
import { CliError, exitOfCode } from './exit.js';
import type { Connect, FollowOptions, LiveConnection, LiveHandlers } from './live.js';
import { socketUrl, type Settings } from './settings.js';

/** Time for the first connection. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Publications of a new history that are read after a reset. */
const REREAD_LIMIT = 1_000;
/** Close codes that mean "not with this credential". */
const DENIED_CLOSES = new Set([3500, 3503, 3507]);

export const connectLive: Connect = async (settings) => {
  const client = createClient({
    url: socketUrl(settings),
    token: settings.token ?? '',
    name: 'trunkline-cli',
    websocket: WebSocket as unknown as WebSocketConstructor,
    lingerMs: 0,
    // Every trouble is shown by a state or a rejected call.
    onError: () => undefined,
  });
  try {
    await firstConnection(client, settings);
  } catch (error) {
    client.dispose();
    throw error;
  }
  return new ClientConnection(client, settings);
};

/** A server that is not there is said at once; waiting for it to come back is for a connection that was there. */
async function firstConnection(client: Client, settings: Settings): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      const state = client.state.get();
      if (state.kind === 'connected') resolve();
      else if (state.kind === 'failed') reject(sentAway(settings, state.code, state.reason));
      else if (state.kind === 'connecting' && state.attempt > 1)
        reject(unreachable(settings, 'the connection could not be opened'));
    };
    client.state.subscribe(look);
    look();
    client
      .ready(CONNECT_TIMEOUT_MS)
      .catch((cause: unknown) =>
        reject(unreachable(settings, cause instanceof Error ? cause.message : String(cause))),
      );
  });
}

class ClientConnection implements LiveConnection {
  readonly failed: Promise<never>;
  readonly #client: Client;
  readonly #settings: Settings;
  readonly #following = new Set<string>();
  #fail: (error: CliError) => void = () => undefined;

  constructor(client: Client, settings: Settings) {
    this.#client = client;
    this.#settings = settings;
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    // Whoever waits for it is told; nobody has to.
    this.failed.catch(() => undefined);
    client.state.subscribe(() => {
      const state = client.state.get();
      if (state.kind === 'failed') this.#fail(sentAway(settings, state.code, state.reason));
    });
  }

  follow(channel: string, options: FollowOptions, handlers: LiveHandlers): void {
    this.#following.add(channel);
    if (options.map) this.#followMap(channel, handlers);
    else this.#followStream(channel, options, handlers);
  }

  #followStream(channel: string, { since }: FollowOptions, handlers: LiveHandlers): void {
    const subscription: StreamSubscription<unknown> = this.#client.stream(channel, {
      ...(since === undefined ? {} : { since }),
      onPublication: ({ data, position, tags }) =>
        handlers.publication(
          { data, offset: position?.offset ?? 0, ...(tags === undefined ? {} : { tags }) },
          position?.epoch ?? '',
        ),
      onGap: (missing) => handlers.gap(missing),
      onReset: ({ reason, missing }): void | Promise<void> => {
        handlers.reset(reason, missing);
        return reason === 'epoch' ? this.#newHistory(channel, subscription.position, handlers) : undefined;
      },
    });
    this.#watch(channel, subscription.state, handlers);
  }

  /** A new epoch is a history that can be read from its start; publications wait until it is. Where it cannot be read, the report of the loss stands. */
  async #newHistory(channel: string, top: Position | undefined, handlers: LiveHandlers): Promise<void> {
    if (top === undefined || top.offset === 0) return;
    const { publications, position } = await this.#client
      .history(channel, {
        limit: REREAD_LIMIT,
        since: { epoch: top.epoch, offset: Math.max(0, top.offset - REREAD_LIMIT) },
      })
      .catch(() => ({ publications: [], position: top }));
    for (const { data, position: at, tags } of publications) {
      if (at !== undefined && position.epoch === top.epoch && at.offset <= top.offset)
        handlers.publication({ data, offset: at.offset, ...(tags === undefined ? {} : { tags }) }, top.epoch);
    }
  }

  /** A map's store tells that something changed, not what: values keep their identity until they really differ. */
  #followMap(channel: string, handlers: LiveHandlers): void {
    const map = this.#client.map(channel);
    let shown: ReadonlyMap<string, unknown> | undefined;
    const look = (): void => {
      const entries = map.get();
      if (shown === undefined) {
        if (map.state.get().kind !== 'live') return;
        handlers.snapshot([...entries].map(([key, data]) => ({ key, data, offset: 0 })));
      } else {
        for (const key of shown.keys())
          if (!entries.has(key)) handlers.publication({ key, data: null, offset: 0, removed: true }, '');
        for (const [key, data] of entries)
          if (!shown.has(key) || !Object.is(shown.get(key), data))
            handlers.publication({ key, data, offset: 0 }, '');
      }
      shown = entries;
    };
    this.#watch(channel, map.state, handlers);
    map.state.subscribe(look);
    map.subscribe(look);
    look();
  }

  #watch(
    channel: string,
    state: { get(): Continuity; subscribe(listener: () => void): () => void },
    handlers: LiveHandlers,
  ): void {
    const look = (): void => {
      const continuity = state.get();
      handlers.state({ kind: continuity.kind, reason: this.#reasonOf(continuity) });
      if (continuity.kind === 'failed' && this.#following.delete(channel) && this.#following.size === 0)
        this.#fail(refused(channel, continuity.code, continuity.reason));
    };
    state.subscribe(look);
    look();
  }

  /** Of `recovering` the connection knows the reason. */
  #reasonOf(continuity: Continuity): string | undefined {
    if (continuity.kind !== 'recovering') return 'reason' in continuity ? continuity.reason : undefined;
    const connection = this.#client.state.get();
    return connection.kind === 'connecting' ? connection.reason : undefined;
  }

  async history(channel: string, limit: number): ReturnType<LiveConnection['history']> {
    const { publications, position } = await this.#call(() =>
      this.#client.history(channel, { limit, reverse: true }),
    );
    return {
      position,
      publications: publications
        .map(({ data, position: at, tags }) => ({
          data,
          offset: at?.offset ?? 0,
          ...(tags === undefined ? {} : { tags }),
        }))
        .reverse(),
    };
  }

  rpc(method: string, params: unknown): Promise<unknown> {
    return this.#call(() => this.#client.rpc(method, params as never));
  }

  close(): void {
    this.#client.dispose();
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      if (!(cause instanceof CodedError)) throw cause;
      // Codes below 100 are the SDK's own: no answer came.
      if (cause.code < 100) throw unreachable(this.#settings, cause.message);
      throw refused('', cause.code, cause.message, cause);
    }
  }
}

/** `what` is empty where the message names it. */
function refused(what: string, code: number, message: string, cause?: unknown): CliError {
  const exit = exitOfCode(code);
  return new CliError(exit, `the server refused${what === '' ? '' : ` ${what}`}: ${message} (${code})`, {
    code,
    cause,
    advice:
      exit === 'denied'
        ? 'Give a token with --token or TRUNKLINE_TOKEN; `trunkline token create` makes one.'
        : undefined,
  });
}

function sentAway({ token }: Settings, code: number, reason: string): CliError {
  const denied = DENIED_CLOSES.has(code);
  return new CliError(
    denied ? 'denied' : 'failure',
    `the server closed the connection: ${reason} (${code})`,
    {
      code,
      advice: denied
        ? token === undefined
          ? 'Give a token with --token or TRUNKLINE_TOKEN.'
          : 'Check the token: its key, its org and its expiry.'
        : undefined,
    },
  );
}
