/** Presence: who is on a channel, until they leave or their entry runs out. */
import { expect } from 'vitest';
import { ANN, BOB, FOREIGN, NEWS, type Rule } from './fixture.js';

export const PRESENCE_RULES: Readonly<Record<string, Rule>> = {
  '[BROKER-30] lists entries by client id, the last information counts': async ({ broker }) => {
    expect((await broker.presence(NEWS)).size).toBe(0);
    await broker.addPresence(NEWS, 'c1', BOB, 60_000);
    await broker.addPresence(NEWS, 'c1', ANN, 60_000);
    await broker.addPresence(NEWS, 'c2', BOB, 60_000);
    expect(new Map(await broker.presence(NEWS))).toEqual(
      new Map([
        ['c1', ANN],
        ['c2', BOB],
      ]),
    );
    expect((await broker.presence(FOREIGN)).size).toBe(0);
  },

  '[BROKER-30] counts clients and their users': async ({ broker }) => {
    expect(await broker.presenceStats(NEWS)).toEqual({ numClients: 0, numUsers: 0 });
    await broker.addPresence(NEWS, 'c1', ANN, 60_000);
    await broker.addPresence(NEWS, 'c2', BOB, 60_000);
    await broker.addPresence(NEWS, 'c3', { ...BOB, client: 'c3' }, 60_000);
    expect(await broker.presenceStats(NEWS)).toEqual({ numClients: 3, numUsers: 2 });
  },

  '[BROKER-30] forgets who was removed': async ({ broker }) => {
    await broker.addPresence(NEWS, 'c1', ANN, 60_000);
    await broker.addPresence(NEWS, 'c2', BOB, 60_000);
    await broker.removePresence(NEWS, 'c1');
    await broker.removePresence(NEWS, 'nobody');
    expect([...(await broker.presence(NEWS)).keys()]).toEqual(['c2']);
    expect(await broker.presenceStats(NEWS)).toEqual({ numClients: 1, numUsers: 1 });
  },

  '[BROKER-31] an entry runs out unless it is added again': async ({ broker, fixture }) => {
    const { tickMs } = fixture;
    await broker.addPresence(NEWS, 'c1', ANN, 4 * tickMs);
    await broker.addPresence(NEWS, 'c2', BOB, 4 * tickMs);
    await fixture.advance(3 * tickMs);
    await broker.addPresence(NEWS, 'c2', BOB, 4 * tickMs);
    await fixture.advance(2 * tickMs);
    expect([...(await broker.presence(NEWS)).keys()]).toEqual(['c2']);
    expect(await broker.presenceStats(NEWS)).toEqual({ numClients: 1, numUsers: 1 });
    await fixture.advance(3 * tickMs);
    expect((await broker.presence(NEWS)).size).toBe(0);
  },

  '[BROKER-31] a list that was handed out does not change': async ({ broker }) => {
    await broker.addPresence(NEWS, 'c1', ANN, 60_000);
    const list = await broker.presence(NEWS);
    await broker.removePresence(NEWS, 'c1');
    expect(list.size).toBe(1);
  },
};
