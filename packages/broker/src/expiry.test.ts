import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '@trunkline/base/testing';
import { Expiring, ExpiryQueue } from './expiry.js';

class Item extends Expiring {
  readonly expired: number[] = [];
  override expire(nowMs: number): void {
    this.expired.push(nowMs);
  }
}

type Step =
  { readonly item: number; readonly inMs: number } | { readonly cancel: number } | { readonly wait: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ item: fc.nat(19), inMs: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 1, arbitrary: fc.record({ cancel: fc.nat(19) }) },
  { weight: 2, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 40 }) }) },
);

describe('expiry queue', () => {
  it('[BROKER-74] whatever is scheduled, moved and cancelled, each item expires at its last deadline', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = new FakeClock();
        const queue = new ExpiryQueue(clock);
        queue.start();
        const items = Array.from({ length: 20 }, () => new Item());
        const due = new Map<Item, number>();
        const expected = new Map<Item, number[]>(items.map((item) => [item, []]));
        const pass = (until: number): void => {
          for (const [item, at] of due) {
            if (at > until) continue;
            expected.get(item)?.push(at);
            due.delete(item);
          }
        };
        for (const given of [...steps, { wait: 200 }]) {
          if ('item' in given) {
            const item = items[given.item] as Item;
            queue.schedule(item, clock.monotonic() + given.inMs);
            due.set(item, clock.monotonic() + given.inMs);
          } else if ('cancel' in given) {
            queue.cancel(items[given.cancel] as Item);
            due.delete(items[given.cancel] as Item);
          } else {
            pass(clock.monotonic() + given.wait);
            await clock.advance(given.wait);
          }
          expect(clock.pending).toBeLessThanOrEqual(1);
        }
        for (const item of items) expect(item.expired).toEqual(expected.get(item));
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('[BROKER-74] a mass expiry is spread over turns', async () => {
    const clock = new FakeClock();
    const queue = new ExpiryQueue(clock);
    queue.start();
    let inTurn = 0;
    let most = 0;
    class Counting extends Expiring {
      override expire(): void {
        most = Math.max(most, ++inTurn);
        void Promise.resolve().then(() => (inTurn = 0));
      }
    }
    for (let index = 0; index < 5_000; index++) queue.schedule(new Counting(), 10);
    await clock.advance(10);
    expect(most).toBe(2_000);
    expect(clock.pending).toBe(0);
  });
});
