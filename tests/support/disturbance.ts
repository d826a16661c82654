/** Everything that goes wrong at once, until told to stop: the server is killed and started again, its database too, and the network breaks in every way. */
import { createSeededRandom, randomInt } from '@trunkline/base';
import { until, wait, type FaultProxy } from '@trunkline/testkit';
import type { DurableServer } from './durable-server.js';

export interface DisturbanceOptions {
  readonly seed: number;
  /** SIGKILLs of the server, spread over the way; every fourth takes the database along, where it is a process of its own. */
  readonly kills: number;
  /** Of the work, from 0 to 1. */
  progress(): number;
}

export interface Disturbance {
  /** Ends it, waits until the server is back, and answers what happened. */
  calm(): Promise<Damage>;
}

export interface Damage {
  readonly kills: number;
  readonly databaseKills: number;
  readonly networkFaults: number;
}

/** `paths` lead to the server; faults of each are drawn apart. */
export function disturb(
  { server, postgres }: DurableServer,
  paths: readonly FaultProxy[],
  { seed, kills, progress }: DisturbanceOptions,
): Disturbance {
  const random = createSeededRandom(seed);
  const state = { stop: false, kills: 0, databaseKills: 0, networkFaults: 0 };
  const network = paths.map(async (path) => {
    while (!state.stop) {
      await wait(200 + randomInt(random, 800));
      state.networkFaults++;
      const fault = randomInt(random, 5);
      if (fault <= 1) path.drop();
      else if (fault === 2) path.truncate(1 + randomInt(random, 2_000));
      else if (fault === 3) path.halfOpen();
      else {
        path.stall(randomInt(random, 2) === 0 ? 'toClient' : undefined);
        await wait(randomInt(random, 3_000));
        path.restore();
      }
    }
  });
  const killer = async (): Promise<void> => {
    for (let kill = 1; kill <= kills; kill++) {
      // Somewhere in its part of the way.
      const at = (kill - 1 + random.next()) / kills;
      await until(`${at} of the way`, () => state.stop || progress() >= at, Infinity, 5);
      if (state.stop) return;
      await server.kill9();
      state.kills++;
      if (postgres && kill % 4 === 0) {
        state.databaseKills++;
        // The database comes back while the server does.
        await Promise.all([postgres.restart(), server.restart()]);
      } else await server.restart();
    }
  };
  const killing = killer();
  return {
    calm: async () => {
      state.stop = true;
      await Promise.all([...network, killing]);
      for (const path of paths) path.restore();
      const { kills: done, databaseKills, networkFaults } = state;
      return { kills: done, databaseKills, networkFaults };
    },
  };
}
