/**
 * What most system tests share: one real server for a file, fresh clients for each test. Clients go after each test, the server after
 * the last, so that a test sees only its own connections and never another's channel (names are unique).
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { Centrifuge } from 'centrifuge';
import {
  Kit,
  type ApiAnswer,
  type RawClient,
  type RawClientOptions,
  type ServerOptions,
  type StockClientOptions,
  type TestServer,
} from '@trunkline/testkit';

/** Signs every token of the tests. */
export const SECRET = 'a secret of the tests, long enough for HMAC';

export class Bed {
  /** Lives as long as the file. */
  readonly fileKit = new Kit();
  /** Lives as long as one test. */
  kit = new Kit();
  server!: TestServer;
  #channels = 0;

  /** A name nobody used before, in `namespace` ('' is the default one). */
  channel(namespace = ''): string {
    return `${namespace === '' ? '' : `${namespace}:`}test_${process.pid}_${Date.now()}_${++this.#channels}`;
  }

  /** A stock client, connected. */
  async client(options?: StockClientOptions): Promise<Centrifuge> {
    const stock = this.kit.stock(this.server.wsUrl, options);
    await stock.connect();
    return stock.client;
  }

  /** A stock client that was not told to connect. */
  idle(options?: StockClientOptions): Centrifuge {
    return this.kit.stock(this.server.wsUrl, options).client;
  }

  raw(options?: RawClientOptions): Promise<RawClient> {
    return this.kit.raw(this.server.wsUrl, options);
  }

  /** Calls the API; throws unless it answered with a result. */
  async api(method: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const answer: ApiAnswer = await this.server.api(method, body);
    if (answer.body.result === undefined)
      throw new Error(`${method} answered ${answer.status} ${answer.text}`);
    return answer.body.result;
  }

  publish(channel: string, data: unknown, more: object = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.api('publish', { channel, data, ...more });
  }

  mapPublish(
    channel: string,
    key: string,
    data: unknown,
    more: object = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    return this.api('map_publish', { channel, key, data, ...more });
  }
}

/** Registers the hooks of a bed with vitest; call at the top of a file. */
export function useBed(options: () => ServerOptions | Promise<ServerOptions>): Bed {
  const bed = new Bed();
  beforeAll(async () => {
    bed.server = await bed.fileKit.server(await options());
  });
  afterEach(async () => {
    const kit = bed.kit;
    bed.kit = new Kit();
    await kit.dispose();
  });
  afterAll(() => bed.fileKit.dispose());
  return bed;
}

/** The server of the conformance cases. */
export function useConformanceBed(): Bed {
  return useBed(conformanceServer);
}

export async function conformanceServer(): Promise<ServerOptions> {
  const file = fileURLToPath(new URL('../conformance/config.yaml', import.meta.url));
  return { config: await readFile(file, 'utf8') };
}
