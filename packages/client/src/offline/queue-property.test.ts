import { createSeededRandom } from '@trunkline/base';
import { FakeClock, settle } from '@trunkline/base/testing';
import { CodedError } from '@trunkline/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Untyped } from '../contract-types.js';
import { memoryStore } from './memory-store.js';
import type { Outcome } from './outcome.js';
import { createOfflineQueue, type OfflineQueue } from './queue.js';
import { mortal, type Mortal } from './testing/mortal.js';
import { ModelClient, ServerModel } from './testing/world.js';

type Op =
  | { readonly do: 'add'; readonly page: number; readonly order: 'a' | 'b' | null; readonly short: boolean }
  | { readonly do: 'up' | 'down' | 'kill'; readonly page: number }
  | {
      readonly do: 'doom';
      readonly page: number;
      readonly steps: number;
      readonly applied: boolean;
    }
  | { readonly do: 'open' }
  | {
      readonly do: 'fly';
      readonly page: number;
      readonly flight: number;
      readonly fate: 'answer' | 'lose' | 'loseAnswer';
    }
  | { readonly do: 'cancel'; readonly page: number; readonly which: number; readonly force: boolean }
  | { readonly do: 'refuse'; readonly on: boolean }
  | { readonly do: 'pass'; readonly ms: number };

const page = fc.nat(1);
const OPS: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      page,
      order: fc.constantFrom('a' as const, 'a' as const, 'b' as const, null),
      short: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('up' as const, 'down' as const), page }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), page }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('doom' as const), page, steps: fc.nat(6), applied: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'open' as const }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('fly' as const),
      page,
      flight: fc.nat(3),
      fate: fc.constantFrom('answer' as const, 'answer' as const, 'lose' as const, 'loseAnswer' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('cancel' as const),
      page,
      which: fc.nat(20),
      force: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), on: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(10, 700, 4_000) }),
  },
);

interface Page {
  readonly life: Mortal;
  readonly model: ModelClient;
  readonly queue: OfflineQueue<Untyped>;
  readonly outcomes: Map<string, Outcome>;
}

/** Every seventh command is refused for good. */
const isRefused = (params: unknown): boolean => Number(params) % 7 === 6;

class World {
  readonly clock = new FakeClock();
  readonly server = new ServerModel();
  readonly shared = memoryStore({ random: createSeededRandom(1) });
  pages: Page[] = [];
  opened = 0;
  added = 0;
  /** What `add` promised to keep. */
  readonly kept = new Set<string>();
  temporary = false;

  constructor() {
    this.server.refuse = ({ params }) => {
      if (this.temporary) throw new CodedError('tooManyRequests');
      if (isRefused(params)) throw new CodedError('conflict');
    };
  }

  open(): Page {
    const life = mortal(this.shared);
    const model = new ModelClient(this.server, this.clock);
    model.auto = false;
    const queue = createOfflineQueue<Untyped>(model.client, {
      store: life.store,
      clock: this.clock,
      random: createSeededRandom(++this.opened),
      keepDoneMs: Infinity,
      maxEnded: Infinity,
      maxDelayMs: 5_000,
      onError: () => undefined,
    });
    const opened = { life, model, queue, outcomes: new Map<string, Outcome>() };
    this.pages.push(opened);
    return opened;
  }

  /** Dead pages leave; what they had on the wire arrives, or does not. */
  bury(): void {
    for (const { life, model } of this.pages) {
      if (!life.dead) continue;
      for (const [index, flight] of [...model.flights].entries())
        if (index % 2 === 0) flight.loseAnswer();
        else flight.lose();
    }
    this.pages = this.pages.filter(({ life }) => !life.dead);
  }

  async run(op: Op): Promise<void> {
    if (op.do === 'open') {
      if (this.pages.length < 2) this.open();
    } else if (op.do === 'refuse') this.temporary = op.on;
    else if (op.do === 'pass') await this.clock.advance(op.ms);
    else {
      const at = this.pages[op.page % Math.max(1, this.pages.length)];
      if (at !== undefined) this.on(at, op);
    }
    await settle();
    this.bury();
  }

  on(at: Page, op: Op): void {
    switch (op.do) {
      case 'add':
        return this.add(at, op.order, op.short);
      case 'up':
        return at.model.up();
      case 'down':
        return at.model.down();
      case 'kill':
        return at.life.die();
      case 'doom':
        return at.life.dieAfter(op.steps, op.applied);
      case 'fly':
        return at.model.flights[op.flight % Math.max(1, at.model.flights.length)]?.[op.fate]();
      case 'cancel': {
        const entries = at.queue.state.get().entries;
        const entry = entries[op.which % Math.max(1, entries.length)];
        if (entry) void at.queue.cancel(entry.key, { evenIfSent: op.force });
      }
    }
  }

  add(at: Page, order: string | null, short: boolean): void {
    const n = this.added++;
    const key = `k${n}`;
    void at.queue.add('do', n, { key, order, ...(short ? { expiresInMs: 3_000 } : {}) }).then((command) => {
      this.kept.add(key);
      void command.outcome.then((outcome) => at.outcomes.set(key, outcome));
    });
  }

  /** Everything works again, for long enough. */
  async heal(): Promise<void> {
    this.temporary = false;
    for (const { life } of this.pages) life.die();
    await settle();
    this.bury();
    const last = this.open();
    last.model.auto = true;
    last.model.up();
    await this.clock.advance(120_000);
  }
}

async function check(ops: readonly Op[]): Promise<void> {
  const world = new World();
  world.open();
  const seen: Page[] = [];
  for (const op of ops) {
    await world.run(op);
    for (const at of world.pages) if (!seen.includes(at)) seen.push(at);
  }
  await world.heal();
  const { entries, meta } = await world.shared.load();
  const { effects } = world.server;
  const times = (key: string): number => effects.filter((effect) => effect.key === key).length;
  for (const { key, status, sent, params, error } of entries) {
    const label = `${key} ${status}`;
    if (status === 'done') expect(times(key), label).toBe(1);
    else if (status === 'failed') expect([times(key), error?.code], label).toEqual([0, 1003]);
    else {
      expect(['expired', 'cancelled'], label).toContain(status);
      expect(times(key), label).toBeLessThanOrEqual(sent ? 1 : 0);
    }
    if (status === 'failed') expect(isRefused(JSON.parse(params))).toBe(true);
  }
  // What was accepted is there; nothing happened that nobody asked for.
  const stored = new Map(entries.map((entry) => [entry.key, entry]));
  for (const key of world.kept) expect(stored.has(key), key).toBe(true);
  for (const effect of effects)
    expect(effect).toEqual({ key: `k${Number(effect.params)}`, method: 'do', params: effect.params });
  expect(meta).toMatchObject({ waiting: 0, bytes: 0 });
  // Within an order, effects follow the numbers.
  for (const order of ['a', 'b']) {
    const numbers = effects
      .map(({ key }) => stored.get(key))
      .filter((entry) => entry?.order === order)
      .map((entry) => entry?.seq ?? 0);
    expect(numbers, order).toEqual([...numbers].sort((left, right) => left - right));
  }
  // Whoever waited was told the truth.
  for (const { outcomes } of seen)
    for (const [key, { status }] of outcomes) expect([stored.get(key)?.status, 'unknown']).toContain(status);
}

describe('a queue whose pages, connection and server fail at will', () => {
  it('[OFFLINE-3] every command takes effect once and in order, or is reported, wherever its page died', async () => {
    await fc.assert(fc.asyncProperty(fc.array(OPS, { minLength: 5, maxLength: 60 }), check), {
      numRuns: 150,
      seed: 20261121,
    });
  }, 60_000);
});
