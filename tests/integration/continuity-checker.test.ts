/**
 * The continuity checker on real streams, through a network that breaks, with this project's SDK and with a stock client. The guide
 * (docs/guides/continuity-checker.md) shows the regions of this file.
 */
// #region import
import { ContinuityChecker } from '@trunkline/client/continuity-checker';
// #endregion import
import { createClient, type Untyped } from '@trunkline/client';
import { Kit, until } from '@trunkline/testkit';
import type { Subscription } from 'centrifuge';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();

/** Messages that count up from 1. */
async function publish(channel: string, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await bed.publish(channel, { n });
}

describe('the continuity checker on a real stream', () => {
  it('[SIM-23] finds nothing where the SDK recovered, and counts what was told where it could not', async () => {
    const kit = new Kit();
    try {
      const proxy = await kit.proxy(bed.server);
      const client = kit.use(
        createClient<Untyped>({
          url: proxy.wsUrl,
          websocket: WebSocket,
          minDelayMs: 20,
          maxDelayMs: 100,
          onError: () => undefined,
        }),
      );
      const channel = bed.channel('longhistory');
      // #region watch
      const checker = new ContinuityChecker({ name: channel });
      const sub = client.stream(channel, {
        ...checker.handlers((data) => (data as { n: number }).n),
      });
      sub.state.subscribe(() => {
        if (sub.state.get().kind === 'live') checker.reached(sub.position);
      });
      // #endregion watch
      await until('the stream is live', () => sub.state.get().kind === 'live');
      await publish(channel, 1, 5);
      proxy.cut();
      await publish(channel, 6, 9);
      proxy.restore();
      await until('what was missed came', () => checker.counts.publications === 9);
      // #region verify
      checker.verify();
      // #endregion verify
      expect(checker.counts).toEqual({ publications: 9, gaps: 0, resets: 0, violations: 0 });

      const brief = bed.channel('smallhistory');
      const told = new ContinuityChecker({ name: brief });
      const other = client.stream(
        brief,
        told.handlers((data) => (data as { n: number }).n),
      );
      await until('the other is live', () => other.state.get().kind === 'live');
      await publish(brief, 1, 2);
      await until('both came', () => told.counts.publications === 2);
      proxy.cut();
      await publish(brief, 3, 8);
      proxy.restore();
      await until('the loss was told', () => told.counts.resets === 1);
      await publish(brief, 9, 9);
      await until('the next one came', () => told.counts.publications === 3);
      told.verify();
    } finally {
      await kit.dispose();
    }
  });

  it('[SIM-23] watches a stock client, whose words are other ones', async () => {
    const client = await bed.client();
    const channel = bed.channel('longhistory');
    const subscription: Subscription = client.newSubscription(channel, {
      positioned: true,
      recoverable: true,
    });
    // #region stock
    const checker = new ContinuityChecker();
    let epoch = '';
    subscription.on('subscribed', ({ wasRecovering, recovered, streamPosition }) => {
      epoch = streamPosition?.epoch ?? '';
      if (!wasRecovering) checker.reached(streamPosition);
      else if (!recovered) checker.reset();
    });
    subscription.on('publication', ({ offset = 0, data }) =>
      checker.publication({ epoch, offset }, (data as { n: number }).n),
    );
    // #endregion stock
    subscription.subscribe();
    await subscription.ready(10_000);
    await publish(channel, 1, 4);
    await until('all came', () => checker.counts.publications === 4);
    checker.verify();
    // A message that was lost before the server has no offset: only the publisher's own numbers show it.
    await publish(channel, 6, 6);
    await until('the next one came', () => checker.counts.publications === 5);
    expect(() => checker.verify()).toThrow('number 6 came after 4');
  });
});
