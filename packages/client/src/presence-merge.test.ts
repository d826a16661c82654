import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalJson } from './equal.js';
import {
  applyEvent,
  applyList,
  beginFetch,
  MAX_HELD_EVENTS,
  NOBODY,
  type PresenceState,
} from './presence-merge.js';

const who = (client: string): { client: string; user: string } => ({ client, user: 'u' });
const join = (client: string): { kind: 'join'; info: { client: string; user: string } } => ({
  kind: 'join',
  info: who(client),
});
const leave = (client: string): { kind: 'leave'; info: { client: string; user: string } } => ({
  kind: 'leave',
  info: who(client),
});
const names = (state: PresenceState): string[] => [...state.members.keys()].sort();

describe('presence merge', () => {
  it('[CLIENT-15] joins and leaves around a list end in one picture', () => {
    let state = beginFetch(NOBODY);
    state = applyEvent(state, join('b'));
    state = applyEvent(state, leave('a'));
    state = applyList(state, [who('a'), who('c')], equalJson);
    expect(names(state)).toEqual(['b', 'c']);
    expect(names(applyEvent(state, join('d')))).toEqual(['b', 'c', 'd']);
  });

  it('[CLIENT-15] nothing changed is the same object', () => {
    const state = applyList(beginFetch(NOBODY), [who('a')], equalJson);
    expect(applyEvent(state, join('a'))).toBe(state);
    expect(applyEvent(state, leave('b'))).toBe(state);
    const again = applyList(beginFetch(state), [who('a')], equalJson);
    expect(again.members).toBe(state.members);
  });

  it('[CLIENT-15] the identity of unchanged members survives a new list', () => {
    const state = applyList(beginFetch(NOBODY), [who('a'), who('b')], equalJson);
    const next = applyList(beginFetch(state), [who('a')], equalJson);
    expect(next.members.get('a')).toBe(state.members.get('a'));
    expect(next.members).not.toBe(state.members);
  });

  it('[CLIENT-13] held events are bounded, and too many say so', () => {
    let state = beginFetch(NOBODY);
    for (let index = 0; index <= MAX_HELD_EVENTS; index++)
      state = applyEvent(state, index % 2 === 0 ? join('a') : leave('a'));
    expect(state.overflowed).toBe(true);
    expect(state.fetching).toHaveLength(0);
  });

  it('[CLIENT-15] wherever the list is read, the picture ends as the channel is', () => {
    const client = fc.constantFrom('a', 'b', 'c', 'd');
    fc.assert(
      fc.property(
        fc.array(fc.record({ client, comes: fc.boolean() }), { maxLength: 30 }),
        fc.nat(30),
        fc.nat(30),
        (script, start, length) => {
          const truth = new Set<string>();
          let state = NOBODY;
          let list: { client: string; user: string }[] | undefined;
          script.forEach(({ client: name, comes }, index) => {
            if (index === start) {
              state = beginFetch(state);
              // The server reads its list at some moment between question and answer.
              list = [...truth].map(who);
            }
            if (comes) truth.add(name);
            else truth.delete(name);
            state = applyEvent(state, comes ? join(name) : leave(name));
            if (list && index === start + length) state = applyList(state, list, equalJson);
          });
          expect(names(state)).toEqual([...truth].sort());
        },
      ),
    );
  });
});
