/**
 * A thousand subscribers of which ten stop reading while publications flow. The others get everything in order, the server's memory stays
 * bounded, and the ten, when they read again, are told where they were cut and come back by position: never silently skipped.
 */
import { describe, expect, it } from 'vitest';
import { DisposeStack } from '@trunkline/base';
import { until, WIRES, type Document, type Wire } from '@trunkline/testkit';
import { useBed } from '../support/bed.js';
import { orgKey, orgToken, TWO_ORGS } from '../support/orgs.js';
import { RawReader } from '../support/reader.js';

const READERS = 1_000;
const SLOW = 10;
/** Half of the readers of `bulk` are slow ones: enough bytes to fill every buffer between here and there. */
const BULK_BYTES = 48 * 1024;
const BULK_MESSAGES = 300;
const NEWS_MESSAGES = 150;

const bed = useBed(() => ({ config: TWO_ORGS }));

async function readers(
  count: number,
  name: string,
  channel: string,
  stack: DisposeStack,
  wire?: Wire,
): Promise<RawReader[]> {
  const token = await orgToken('acme', name);
  const all = Array.from({ length: count }, (_, index) =>
    stack.use(new RawReader(`${name} ${index}`, bed.server.wsUrl, channel, token, wire)),
  );
  for (let start = 0; start < count; start += 50)
    await Promise.all(all.slice(start, start + 50).map((reader) => reader.open()));
  return all;
}

async function publish(channel: string, count: number, padding: number, after = 0): Promise<void> {
  const pad = 'x'.repeat(padding);
  for (let seq = after + 1; seq <= after + count; seq++) {
    const { status, text } = await bed.server.api('publish', { channel, data: { seq, pad } }, orgKey('acme'));
    if (status !== 200) throw new Error(text);
  }
}

/** The slow read again: each was cut, is told of what it missed, and goes on. */
async function comeBack(slow: readonly RawReader[], channel: string): Promise<void> {
  for (const reader of slow) reader.goOnReading();
  await until('the slow are back', () => slow.every(({ cuts, live }) => cuts.length > 0 && live), 40_000);
  await publish(channel, 1, 0, BULK_MESSAGES);
  await until(
    'the slow are live again',
    () => slow.every(({ checker }) => checker.last === BULK_MESSAGES + 1),
    40_000,
  );
  for (const { checker, cuts } of slow) {
    checker.verify(BULK_MESSAGES + 1, true);
    expect(checker.received.length, 'it was really cut').toBeLessThan(BULK_MESSAGES + 1);
    expect(checker.resets.length, 'and told of what it missed').toBeGreaterThan(0);
    for (const code of cuts) expect([2500, 3008, 3010, 3012, 1006]).toContain(code);
  }
}

describe('readers that stop reading', () => {
  it('[DELIV-1] harm nobody, and are told', async () => {
    const stack = new DisposeStack();
    try {
      const crowd = await readers(READERS - 2 * SLOW, 'crowd', 'open:news', stack);
      const quick = await readers(SLOW, 'quick', 'open:bulk', stack);
      const slow = await readers(SLOW, 'slow', 'open:bulk', stack);
      const before = await bed.server.memory();
      for (const reader of slow) reader.stopReading();
      await Promise.all([
        publish('open:news', NEWS_MESSAGES, 200),
        publish('open:bulk', BULK_MESSAGES, BULK_BYTES),
      ]);
      await until(
        'the quick have everything',
        () => quick.every(({ checker }) => checker.last === BULK_MESSAGES),
        40_000,
      );
      await until(
        'the crowd has everything',
        () => crowd.every(({ checker }) => checker.last === NEWS_MESSAGES),
        40_000,
      );
      for (const { checker } of crowd) checker.verify(NEWS_MESSAGES);
      for (const { checker } of quick) checker.verify(BULK_MESSAGES);
      const during = await bed.server.memory();
      // Ten outboxes of 1 MiB, history, and what the sockets themselves hold; far from what the ten did not read (150 MB).
      expect(during.rss - before.rss).toBeLessThan(120 * 1024 * 1024);

      await comeBack(slow, 'open:bulk');
    } finally {
      await stack.dispose();
    }
  }, 120_000);

  it('[DELIV-1] harm nobody, and are told, over every other transport and codec', async () => {
    const stack = new DisposeStack();
    const over = (count: number, name: string, channel: string): Promise<RawReader[]> =>
      Promise.all(WIRES.slice(1).map((wire) => readers(count, `${name} ${wire}`, channel, stack, wire))).then(
        (groups) => groups.flat(),
      );
    try {
      const crowd = await over(20, 'crowd', 'open:other-news');
      const quick = await over(1, 'quick', 'open:other-bulk');
      const slow = await over(2, 'slow', 'open:other-bulk');
      const before = await bed.server.memory();
      for (const reader of slow) reader.stopReading();
      await Promise.all([
        publish('open:other-news', NEWS_MESSAGES, 200),
        publish('open:other-bulk', BULK_MESSAGES, BULK_BYTES),
      ]);
      await until(
        'those who read have everything',
        () =>
          quick.every(({ checker }) => checker.last === BULK_MESSAGES) &&
          crowd.every(({ checker }) => checker.last === NEWS_MESSAGES),
        40_000,
      );
      for (const { checker } of crowd) checker.verify(NEWS_MESSAGES);
      for (const { checker } of quick) checker.verify(BULK_MESSAGES);
      expect((await bed.server.memory()).rss - before.rss).toBeLessThan(120 * 1024 * 1024);
      await comeBack(slow, 'open:other-bulk');
    } finally {
      await stack.dispose();
    }
  }, 120_000);

  it('[DELIV-2] where the channel says so, a reader that can be told goes on and is told exactly what it missed', async () => {
    const token = await orgToken('acme', 'able');
    for (const [namespace, reason] of [
      ['gappy', 'overflow'],
      ['newest', 'conflated'],
    ] as const) {
      const channel = `${namespace}:x`;
      const pairs = await Promise.all(
        WIRES.map(async (wire) => {
          const [able, stock] = [await bed.raw({ wire }), await bed.raw({ wire })];
          await able.connect({ token, headers: { 'trunkline-extensions': 'gap' } });
          await stock.connect({ token });
          for (const raw of [able, stock]) {
            expect((await raw.request({ subscribe: { channel, recoverable: true } })).error).toBeUndefined();
            raw.pause();
          }
          return { wire, able, stock };
        }),
      );
      await publish(channel, BULK_MESSAGES, BULK_BYTES);
      for (const { able, stock } of pairs) {
        able.resume();
        stock.resume();
      }
      await publish(channel, 1, 0, BULK_MESSAGES);
      const all = BULK_MESSAGES + 1;
      for (const { wire, able, stock } of pairs) {
        await until(
          `everything is accounted for over ${wire}`,
          () => accountOf(able.documents, channel, reason).upTo === all,
          20_000,
          100,
        );
        await stock.expect(
          `the cut over ${wire}`,
          ({ push }) => (push?.['unsubscribe'] as { code: number } | undefined)?.code === 2500,
          20_000,
        );
        const { problems, missed } = accountOf(able.documents, channel, reason);
        expect(problems, wire).toEqual([]);
        expect(missed, wire).toBeGreaterThan(10);
      }
    }
  });

  it.each(WIRES)(
    '[DELIV-4] a short pause costs nothing: what fits the outbox arrives late, whole and in order, over %s',
    async (wire) => {
      const stack = new DisposeStack();
      try {
        const [reader] = await readers(1, 'pausing', `open:pause ${wire}`, stack, wire);
        reader?.stopReading();
        await publish(`open:pause ${wire}`, 90, 100);
        reader?.goOnReading();
        await until('everything came', () => reader?.checker.last === 90);
        reader?.checker.verify(90);
        expect(reader?.cuts).toEqual([]);
      } finally {
        await stack.dispose();
      }
    },
  );
});

/** Whether publications and gap reports together account for every offset, in order. */
function accountOf(
  documents: readonly Document[],
  channel: string,
  reason: string,
): { upTo: number; missed: number; problems: string[] } {
  let [upTo, missed] = [0, 0];
  const problems: string[] = [];
  for (const { push } of documents) {
    const gap = (
      push?.['message'] as
        { data: { tl?: { gap?: { channel: string; from: number; to: number; reason: string } } } } | undefined
    )?.data.tl?.gap;
    const offset = push?.channel === channel ? push.pub?.offset : undefined;
    if (gap?.channel === channel) {
      if (gap.from !== upTo + 1 || gap.to < gap.from || gap.reason !== reason)
        problems.push(`after ${upTo}: ${JSON.stringify(gap)}`);
      missed += gap.to - gap.from + 1;
      upTo = gap.to;
    } else if (offset !== undefined) {
      if (offset !== upTo + 1) problems.push(`${offset} after ${upTo}`);
      upTo = offset;
    }
  }
  return { upTo, missed, problems };
}
