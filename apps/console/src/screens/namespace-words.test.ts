import type { NamespaceSummary } from '@trunkline/contracts/node';
import { describe, expect, it } from 'vitest';
import { namespaceTitle, optionsOf, rulesOf } from './namespace-words.js';

const namespace = (given: Partial<NamespaceSummary> = {}): NamespaceSummary => ({
  name: 'chat',
  type: 'stream',
  class: 'live',
  historySize: 0,
  historyTtlMs: 300_000,
  metaTtlMs: 2_592_000_000,
  presence: false,
  joinLeave: false,
  forceJoinLeave: false,
  forcePositioning: false,
  forceRecovery: false,
  recoveryMode: 'stream',
  overflow: 'recover',
  allowSubscribe: [],
  allowPublish: [],
  allowPresence: [],
  allowHistory: [],
  allowTagsFilter: false,
  allowDelta: [],
  maxSubscribers: null,
  publishDebounceMs: 0,
  mapClientsPrefix: '',
  mapUsersPrefix: '',
  changed: [],
  channels: 0,
  subscribers: 0,
  ...given,
});
const rule = (term: string, given: Partial<NamespaceSummary> = {}) =>
  rulesOf(namespace(given)).find((one) => one.term === term);
const text = (term: string, given: Partial<NamespaceSummary> = {}) => rule(term, given)?.sentences.join(' ');

describe('a namespace in words', () => {
  it('[CONSOLE-10] says who may do what', () => {
    expect(text('Subscribe')).toBe('Nobody, unless the token grants the channel.');
    expect(text('Subscribe', { allowSubscribe: ['user', 'anonymous'], channelPattern: '[a-z]+' })).toBe(
      'Any signed-in user of the org, or clients without a user. Only names that match [a-z]+.',
    );
    expect(text('Publish', { allowPublish: ['admin', 'subscriber'], publishDebounceMs: 50 })).toBe(
      'Role admin, or whoever is subscribed to the channel. A client folds what it publishes within 50 ms.',
    );
    expect(text('Publish', { class: 'local' })).toBe('Only the module that owns it.');
  });

  it('[CONSOLE-10] says what is kept and what recovery can do', () => {
    expect(text('History')).toBe('None is kept: who was away has missed it.');
    expect(text('Recovery')).toBe('Not possible: there is nothing to continue from.');
    expect(text('History', { historySize: 100 })).toBe('The last 100 publications, for 5 min.');
    expect(text('Recovery', { historySize: 100, forceRecovery: true })).toMatch(
      /^Every subscription continues/,
    );
    expect(text('Recovery', { historySize: 1, recoveryMode: 'cache' })).toMatch(/newest publication/);
  });

  it('[CONSOLE-10] a map is said as a map', () => {
    const map = {
      mode: 'ephemeral',
      keyTtlMs: 60_000,
      streamSize: 0,
      streamTtlMs: 0,
      clientKey: 'user',
      maxKeys: 10,
    };
    expect(text('History', { type: 'map', map })).toMatch(
      /at most 10\..*after 1 min.*not kept.*key of their user/,
    );
    expect(text('Recovery', { type: 'map', map })).toMatch(/^Not possible/);
    expect(text('Recovery', { type: 'map', map: { ...map, mode: 'persistent' } })).toMatch(/continues/);
  });

  it('[CONSOLE-10] a rule is default while none of its options differs', () => {
    expect(rulesOf(namespace()).some((one) => one.changed)).toBe(false);
    const changed = rulesOf(namespace({ changed: ['historySize', 'map.maxKeys', 'maxSubscribers'] }));
    expect(changed.filter((one) => one.changed).map((one) => one.term)).toEqual(['History', 'Limits']);
  });

  it('[CONSOLE-10] every option is listed by its name, with what differs', () => {
    const options = optionsOf(namespace({ historySize: 5, changed: ['historySize'] }));
    expect(options.find((one) => one.name === 'historySize')).toEqual({
      name: 'historySize',
      value: '5',
      changed: true,
    });
    expect(options.find((one) => one.name === 'maxSubscribers')).toMatchObject({
      value: 'unlimited',
      changed: false,
    });
    expect(options.map((one) => one.name)).not.toContain('channels');
    expect(['', '*', 'chat'].map(namespaceTitle)).toEqual([
      'default (no colon)',
      '* (any other prefix)',
      'chat:',
    ]);
  });
});
