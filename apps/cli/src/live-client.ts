/**
 * The live connection of `tail`, `rpc` and `kube`: the client SDK over the `ws` package's WebSocket. What the SDK cannot know is done here: a development
 * server that was started again takes other tokens, and leaves a new one where the first was found; the channels then go on with it.
 */
import { createSystemClock, sleep } from '@trunkline/base';
import {
  CodedError,
  createClient,
  type Client,
  type Continuity,
  type WebSocketConstructor,
} from '@trunkline/client';
import WebSocket from 'ws';
import { unreachable } from './api.js';
import { CliError, exitOfCode } from './exit.js';
import { createLiveKube } from './kube/live.js';
import type { LiveKube } from './kube/ports.js';
import type { Connect, FollowOptions, LiveConnection, LiveHandlers } from './live.js';
import { createFeed, type Feed } from './live-feeds.js';
import { socketUrl, type Settings } from './settings.js';

/** Time for the first connection. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Close codes that mean "not with this credential". */
const DENIED_CLOSES = new Set([3500, 3503, 3507]);
const INVALID_TOKEN = 3500;
/** How often, and how many times, a new token is looked for. */
const RENEW_EVERY_MS = 500;
const RENEW_ATTEMPTS = 20;

export const connectLive: Connect = async (settings, lookAgain) => {
  const client = openClient(settings);
  try {
    await firstConnection(client, settings);
  } catch (error) {
    client.dispose();
    throw error;
  }
  return new ClientConnection(client, settings, lookAgain);
};

function openClient(settings: Settings): Client {
  return createClient({
    url: socketUrl(settings),
    token: settings.token ?? '',
    name: 'trunkline-cli',
    websocket: WebSocket as unknown as WebSocketConstructor,
    lingerMs: 0,
    // One operator at a terminal is no crowd: shorter delays than the SDK's harm nobody.
    minDelayMs: 200,
    maxDelayMs: 3_000,
    // Every trouble is shown by a state or a rejected call.
    onError: () => undefined,
  });
}

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

interface Followed {
  readonly feed: Feed;
  readonly handlers: LiveHandlers;
}

class ClientConnection implements LiveConnection {
  readonly failed: Promise<never>;
  readonly #lookAgain: () => Settings;
  readonly #followed = new Map<string, Followed>();
  /** What is shown of clusters; opened again on another client. */
  readonly #shown: ((kube: LiveKube) => void)[] = [];
  readonly kube: LiveKube = {
    list: (question, onChange) => this.#show((kube) => kube.list(question, onChange)),
    window: (question, onChange) => this.#show((kube) => kube.window(question, onChange)),
    log: (question, handlers) => this.#show((kube) => kube.log(question, handlers)),
  };
  #client: Client;
  #settings: Settings;
  #closed = false;
  #fail: (error: CliError) => void = () => undefined;

  constructor(client: Client, settings: Settings, lookAgain: () => Settings) {
    this.#client = client;
    this.#settings = settings;
    this.#lookAgain = lookAgain;
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    // Whoever waits for it is told; nobody has to.
    this.failed.catch(() => undefined);
    this.#watchConnection();
  }

  follow(channel: string, options: FollowOptions, handlers: LiveHandlers): void {
    const followed = { feed: createFeed(channel, options, handlers), handlers };
    this.#followed.set(channel, followed);
    this.#open(followed);
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
    this.#closed = true;
    this.#client.dispose();
  }

  #show(open: (kube: LiveKube) => void): void {
    this.#shown.push(open);
    open(createLiveKube(this.#client));
  }

  #watchConnection(): void {
    const client = this.#client;
    client.state.subscribe(() => {
      const state = client.state.get();
      if (state.kind !== 'failed' || client !== this.#client || this.#closed) return;
      const away = sentAway(this.#settings, state.code, state.reason);
      if (state.code !== INVALID_TOKEN || !this.#settings.tokenFromState) return this.#fail(away);
      this.#renew().then(
        (renewed) => renewed || this.#closed || this.#fail(away),
        () => this.#fail(away),
      );
    });
  }

  /** Looks for another token and continues every channel with it. False where none appears. */
  async #renew(): Promise<boolean> {
    const clock = createSystemClock();
    for (let attempt = 0; attempt < RENEW_ATTEMPTS && !this.#closed; attempt++) {
      const found = this.#tryLook();
      if (found?.tokenFromState === true && found.token !== this.#settings.token) {
        const old = this.#client;
        this.#settings = found;
        this.#client = openClient(found);
        this.#watchConnection();
        // The new ones first: a feed reads its position from the subscription that the old client holds.
        for (const followed of this.#followed.values()) this.#open(followed);
        const kube = createLiveKube(this.#client);
        for (const show of this.#shown) show(kube);
        old.dispose();
        return true;
      }
      await sleep(clock, RENEW_EVERY_MS);
    }
    return false;
  }

  #tryLook(): Settings | undefined {
    try {
      return this.#lookAgain();
    } catch {
      // Half-way between two servers.
      return undefined;
    }
  }

  #open({ feed, handlers }: Followed): void {
    const client = this.#client;
    feed.open(client, (continuity) => {
      if (client !== this.#client || this.#closed) return;
      const connection = client.state.get();
      // What ended the connection ended its channels too; whether that is the end is decided there.
      if (continuity.kind === 'failed' && connection.kind === 'failed') return;
      handlers.state({ kind: continuity.kind, reason: reasonOf(continuity, connection) });
      if (continuity.kind === 'failed' && this.#followed.delete(feed.channel) && this.#followed.size === 0) {
        this.#fail(refused(feed.channel, continuity.code, continuity.reason));
      }
    });
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

/** Of `recovering` the connection knows the reason. */
function reasonOf(
  continuity: Continuity,
  connection: ReturnType<Client['state']['get']>,
): string | undefined {
  if (continuity.kind !== 'recovering') return 'reason' in continuity ? continuity.reason : undefined;
  return connection.kind === 'connecting' ? connection.reason : undefined;
}

/** `what` is empty where the message names it. */
function refused(what: string, code: number, message: string, cause?: unknown): CliError {
  const exit = exitOfCode(code);
  const advice =
    exit === 'denied'
      ? 'Give a token with --token or TRUNKLINE_TOKEN; `trunkline token create` makes one.'
      : undefined;
  return new CliError(exit, `the server refused${what === '' ? '' : ` ${what}`}: ${message} (${code})`, {
    code,
    cause,
    advice,
  });
}

function sentAway({ token }: Settings, code: number, reason: string): CliError {
  const denied = DENIED_CLOSES.has(code);
  const advice =
    token === undefined
      ? 'Give a token with --token or TRUNKLINE_TOKEN.'
      : 'Check the token: its key, its org and its expiry.';
  return new CliError(
    denied ? 'denied' : 'failure',
    `the server closed the connection: ${reason} (${code})`,
    { code, advice: denied ? advice : undefined },
  );
}
