/** A scripted server and a client, for tests that run over both strategies. */
import { createSeededRandom } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { vi } from 'vitest';
import { createClient, type Client } from '../../client.js';
import type { Untyped } from '../../contract-types.js';
import type { ClientOptions } from '../../options.js';
import { FakeServer } from '../../testing.js';
import type { LiveOptions } from '../options.js';
import { FakeKube } from './fake-kube.js';

export const STRATEGIES = ['multiplexed', 'perList'] as const;

export interface Bed {
  readonly server: FakeServer;
  readonly kube: FakeKube;
  readonly client: Client<Untyped>;
  /** What every live thing of a test is given besides its question. */
  readonly live: Partial<LiveOptions>;
  /** Of `map` and of listeners. */
  readonly errors: unknown[];
  pass(ms: number): Promise<void>;
  dispose(): void;
}

/** A server says something at least this often; a client that hears nothing comes anew. */
const PING_MS = 20_000;

/** Time stands still until `pass`. */
export function openBed(strategy: (typeof STRATEGIES)[number], options: Partial<ClientOptions> = {}): Bed {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  const server = new FakeServer();
  const random = createSeededRandom(1);
  const newClient = (): Client<Untyped> =>
    createClient<Untyped>({
      url: 'ws://test/',
      websocket: server.websocket,
      random,
      batch: 'microtask',
      onError: () => undefined,
      ...options,
    });
  const errors: unknown[] = [];
  const client = newClient();
  return {
    server,
    kube: new FakeKube(server),
    client,
    live: {
      random,
      onError: (error) => void errors.push(error),
      ...(strategy === 'perList' ? { strategy, newClient } : {}),
    },
    errors,
    pass: async (ms) => {
      for (let left = ms; left > 0; left -= PING_MS) {
        for (const connection of server.connections) if (connection.open) connection.sendText('{}');
        await vi.advanceTimersByTimeAsync(Math.min(left, PING_MS));
      }
      await settle();
    },
    dispose: () => {
      client.dispose();
      vi.useRealTimers();
    },
  };
}
