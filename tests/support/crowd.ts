/** Readers of streams in numbers, of either client: the stock one and ours. Each channel a client reads has its own judge. */
import { createClient, type Client } from '@trunkline/client';
import { StreamChecker, until, watchStream, type Kit, type Wire } from '@trunkline/testkit';
import { WebSocket } from 'ws';

export type ClientKind = 'stock' | 'trunkline';

export interface Crowd {
  readonly checkers: readonly StreamChecker[];
  /** What each subscription says of itself: `live`, or whatever else its client calls it. */
  states(): readonly string[];
}

/** `count` clients through `url`, each reading all `channels`, subscribed when this resolves. Stock ones over `wire`. */
export async function gather(
  kit: Kit,
  kind: ClientKind,
  url: string,
  count: number,
  channels: readonly string[],
  wire: Wire = 'websocket json',
): Promise<Crowd> {
  const checkers: StreamChecker[] = [];
  const states: (() => string)[] = [];
  for (let index = 0; index < count; index++) {
    for (const channel of channels)
      checkers.push(new StreamChecker(`${kind} ${index} (${wire}) on ${channel}`));
    const own = checkers.slice(-channels.length);
    states.push(
      ...(kind === 'stock'
        ? await openStock(kit, url, channels, own, wire)
        : openTrunkline(kit, url, channels, own)),
    );
  }
  const crowd: Crowd = { checkers, states: () => states.map((state) => state()) };
  await until('everybody is live', () => crowd.states().every((state) => state === 'live'));
  return crowd;
}

async function openStock(
  kit: Kit,
  url: string,
  channels: readonly string[],
  checkers: readonly StreamChecker[],
  wire: Wire,
): Promise<(() => string)[]> {
  const stock = kit.stock(url, { wire, timeout: 5_000, maxServerPingDelay: 1_000 });
  await stock.connect();
  return channels.map((channel, index) => {
    const subscription = stock.client.newSubscription(channel, {
      minResubscribeDelay: 20,
      maxResubscribeDelay: 200,
    });
    watchStream(subscription, checkers[index] as StreamChecker);
    subscription.subscribe();
    return () => (subscription.state === 'subscribed' ? 'live' : subscription.state);
  });
}

/** A crowd over each of several wires, as one. */
export async function gatherOver(
  kit: Kit,
  wires: readonly Wire[],
  url: string,
  count: number,
  channels: readonly string[],
): Promise<Crowd> {
  const crowds: Crowd[] = [];
  for (const wire of wires) crowds.push(await gather(kit, 'stock', url, count, channels, wire));
  return {
    checkers: crowds.flatMap(({ checkers }) => checkers),
    states: () => crowds.flatMap((crowd) => crowd.states()),
  };
}

function openTrunkline(
  kit: Kit,
  url: string,
  channels: readonly string[],
  checkers: readonly StreamChecker[],
): (() => string)[] {
  const client: Client = kit.use(
    createClient({
      url,
      websocket: WebSocket,
      minDelayMs: 20,
      maxDelayMs: 200,
      connectTimeoutMs: 5_000,
      pingGraceMs: 1_000,
    }),
  );
  return channels.map((channel, index) => {
    const checker = checkers[index] as StreamChecker;
    const subscription = client.stream(channel, {
      onPublication: ({ data, position }) => checker.message((data as { seq: number }).seq, position?.offset),
      onReset: ({ reason }) => checker.told(reason),
    });
    return () => subscription.state.get().kind;
  });
}
