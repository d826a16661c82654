/**
 * Properties: random runs of operations against a model small enough to be seen to be right. What a reader can rebuild from a position
 * and what was delivered after it must be what the broker holds.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { channelKey, type ChannelKey, type Publication } from '@trunkline/protocol';
import type { Broker } from '../broker.js';
import { HOUR, KEPT, MAP, type Bench, type Rule } from './fixture.js';

type StreamStep =
  | { readonly size: number }
  | { readonly remove: true }
  | { readonly read: number; readonly limit: number; readonly reverse: boolean };

const streamStep: fc.Arbitrary<StreamStep> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ size: fc.integer({ min: 0, max: 6 }) }) },
  { weight: 1, arbitrary: fc.constant({ remove: true as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      read: fc.integer({ min: 0, max: 30 }),
      limit: fc.integer({ min: 0, max: 8 }),
      reverse: fc.boolean(),
    }),
  },
);

async function runStream(
  { broker, heard }: Bench,
  key: ChannelKey,
  steps: readonly StreamStep[],
): Promise<void> {
  await broker.subscribe(key);
  let top = 0;
  let kept: number[] = [];
  for (const step of steps) {
    if ('size' in step) {
      const { position } = await broker.publish(key, String(top + 1), { ...KEPT, historySize: step.size });
      if (step.size > 0) kept = [...kept, ++top].slice(-step.size);
      expect(position.offset).toBe(step.size > 0 ? top : 0);
    } else if ('remove' in step) {
      await broker.removeHistory(key);
      kept = [];
    } else {
      const since = { epoch: '', offset: step.read };
      const { publications, position } = await broker.history(
        key,
        { limit: step.limit, reverse: step.reverse, since },
        HOUR,
      );
      const expected = step.reverse
        ? kept.filter((offset) => offset < step.read).reverse()
        : kept.filter((offset) => offset > step.read);
      expect(publications.map(({ offset, data }) => [offset, data])).toEqual(
        expected.slice(0, step.limit).map((offset) => [offset, String(offset)]),
      );
      expect(position.offset).toBe(top);
    }
  }
  const numbered = heard.offsets(key).filter((offset) => offset > 0);
  expect(numbered).toEqual(Array.from({ length: top }, (_, index) => index + 1));
  await broker.unsubscribe(key);
}

type MapStep =
  | { readonly put: string; readonly expect: 'absent' | number | 'any' }
  | { readonly drop: string }
  | { readonly clear: true }
  | { readonly wait: number };

const entryKey = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'ab', 'Z', '€');
const expectation = fc.oneof(
  fc.constant('any' as const),
  fc.constant('absent' as const),
  fc.integer({ min: 1, max: 12 }),
);
const mapStep: fc.Arbitrary<MapStep> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ put: entryKey, expect: expectation }) },
  { weight: 4, arbitrary: fc.record({ drop: entryKey }) },
  { weight: 1, arbitrary: fc.constant({ clear: true as const }) },
  { weight: 1, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 3 }) }) },
);

async function wholeState(broker: Broker, key: ChannelKey): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  for (let cursor = '', pages = 0; pages < 100; pages++) {
    const page = await broker.mapState(key, { cursor, limit: 2, maxBytes: 1_000 }, HOUR);
    for (const entry of page.entries) state.set(entry.key as string, entry.data as string);
    if (page.cursor === '') break;
    cursor = page.cursor;
  }
  return state;
}

function replay(state: Map<string, string>, publications: readonly Publication[]): Map<string, string> {
  for (const { key, data, removed } of publications) {
    if (removed === true) state.delete(key as string);
    else state.set(key as string, data as string);
  }
  return new Map([...state].sort(([left], [right]) => (left < right ? -1 : 1)));
}

async function runMap(
  { broker, heard, fixture }: Bench,
  key: ChannelKey,
  steps: readonly MapStep[],
  from: number,
): Promise<void> {
  const { tickMs } = fixture;
  await broker.subscribe(key);
  let early = new Map<string, string>();
  let since = { epoch: '', offset: 0 };
  let value = 0;
  for (const [index, step] of steps.entries()) {
    if (index === from) {
      since = (await broker.mapStream(key, { limit: 0, reverse: false }, HOUR)).position;
      early = await wholeState(broker, key);
    }
    // Values that never repeat; every third key has a time to live.
    if ('put' in step) {
      const guard = step.expect === 'any' ? {} : { expect: step.expect };
      await broker.mapPublish(key, step.put, String(++value), {
        ...MAP,
        maxKeys: 100,
        ...guard,
        keyTtlMs: value % 3 === 0 ? 4 * tickMs : 0,
      });
    } else if ('drop' in step) await broker.mapRemove(key, step.drop, MAP);
    else if ('clear' in step) await broker.mapClear(key, MAP);
    else await fixture.advance(step.wait * tickMs);
  }
  const state = await wholeState(broker, key);
  const delivered = heard.publications
    .filter((recorded) => recorded.key === key)
    .map(({ publication }) => publication);
  expect(delivered.map(({ offset }) => offset)).toEqual(delivered.map((_, index) => index + 1));
  expect([...replay(new Map(), delivered)]).toEqual([...state]);
  const { publications } = await broker.mapStream(key, { limit: Infinity, reverse: false, since }, HOUR);
  expect([...replay(early, publications)]).toEqual([...state]);
  await broker.unsubscribe(key);
}

/** Each run has a channel of its own, so that one engine serves them all. */
function eachRun<T>(
  bench: Bench,
  steps: fc.Arbitrary<T>,
  run: (key: ChannelKey, steps: T) => Promise<void>,
): Promise<void> {
  let runs = 0;
  const property = fc.asyncProperty(steps, (given) => run(channelKey('acme', `run-${runs++}`), given));
  return Promise.resolve(fc.assert(property, { numRuns: bench.fixture.propertyRuns ?? 100 }));
}

export const MODEL_RULES: Readonly<Record<string, Rule>> = {
  '[BROKER-60] history agrees with a model of it': (bench) =>
    eachRun(bench, fc.array(streamStep, { maxLength: 40 }), (key, steps) => runStream(bench, key, steps)),

  '[BROKER-61] state plus the changes after it is the state later': (bench) =>
    eachRun(bench, fc.tuple(fc.array(mapStep, { maxLength: 40 }), fc.nat(39)), (key, [steps, from]) =>
      runMap(bench, key, steps, from),
    ),
};
