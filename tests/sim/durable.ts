/**
 * What stands between a node's hub and the database of a world: the store and the server's ways to it as they ship. Nothing here numbers,
 * deduplicates or dispatches.
 */
import { silentLogger, type Random } from '@trunkline/base';
import { createCommandStore, createDurableLog, ServerStore } from '@trunkline/server/store';
import { openStoreOn } from '@trunkline/store/simulation';
import type { Deliver } from '@trunkline/store';
import type { CommandStore, DurableLog } from '@trunkline/hub';
import type { ChannelKey, Position } from '@trunkline/protocol';
import type { DatabaseEngine, SimDatabase } from './database-engine.js';
import { ADD_EFFECT } from './statements.js';
import type { SimTime } from './time.js';

/** Longer than any world: what is swept, and when, is the contract suite's matter. */
const NEVER_MS = 1e12;

/** Publications that a durable channel keeps: few, so that readers come too late and rows are deleted. */
export const DURABLE_HISTORY = 60;

export class NodeStore {
  readonly log: DurableLog;
  readonly commands: CommandStore;
  readonly #engine: DatabaseEngine;
  readonly #server: ServerStore;

  /** `after`: what has to end before the database may be opened again, where it is one process's own. */
  constructor(
    time: SimTime,
    random: Random,
    {
      database,
      alone,
      after,
    }: { readonly database: SimDatabase; readonly alone: boolean; readonly after: Promise<void> },
    deliver: Deliver,
  ) {
    const engine = database.connect(alone);
    this.#engine = engine;
    const deps = { clock: time, random, logger: silentLogger };
    this.#server = new ServerStore(
      {
        ...deps,
        open: async () => {
          if (alone) await after;
          return openStoreOn(deps, engine, {
            housekeeping: { publicationsMs: NEVER_MS, idempotencyMs: NEVER_MS, maintenanceMs: NEVER_MS },
          });
        },
      },
      { deadlineMs: 2_000 },
    );
    this.#server.dispatchTo(deliver);
    this.log = createDurableLog(this.#server);
    this.commands = createCommandStore(this.#server);
  }

  open(): Promise<void> {
    return this.#server.open();
  }

  /** What a module does with an effect of its own: the effect and its publication are one unit. */
  async apply(name: string, org: string, n: number, key: ChannelKey, data: string): Promise<Position> {
    return this.#server.use('commit', async ({ commit, channels }) => {
      const [, position] = await commit({
        statements: [
          { sql: ADD_EFFECT, parameters: [name, org, n] },
          channels.append(key, data, { historySize: DURABLE_HISTORY }),
        ],
      });
      return position;
    });
  }

  /** The process dies: nothing more comes of what is under way. */
  async crash(): Promise<void> {
    this.#engine.die();
    await this.#server.dispose();
  }

  /** After the hub: what waits is committed. */
  dispose(): Promise<void> {
    return this.#server.dispose();
  }
}
