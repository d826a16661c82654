/**
 * The contract suite of the broker port: every engine passes it (rules in docs/spec/broker.md). It looks at the port only, and lets time
 * pass only through its fixture, so that it runs on a fake clock as well as on a server. For test files: it needs vitest and fast-check.
 */
import { afterEach, beforeEach, describe, it } from 'vitest';
import { DELIVERY_RULES } from './testing/delivery-rules.js';
import { createBench, type Bench, type BrokerFixture, type Rule } from './testing/fixture.js';
import { MAP_GUARD_RULES } from './testing/map-guard-rules.js';
import { MAP_RULES } from './testing/map-rules.js';
import { MODEL_RULES } from './testing/model-rules.js';
import { PEER_RULES } from './testing/peer-rules.js';
import { PRESENCE_RULES } from './testing/presence-rules.js';
import { STREAM_RULES } from './testing/stream-rules.js';

export { Recorder, type BrokerFixture, type Recorded } from './testing/fixture.js';

export interface BrokerContractOptions {
  /** Whether fixtures have `makePeer`. Default true: an engine that is for one node only says so. */
  readonly peers: boolean;
  /** For one test, in milliseconds. Default 30,000. */
  readonly timeoutMs: number;
}

/** Registers the suite under `name`. `makeFixture` is called for each test and gives an empty engine. */
export function brokerContract(
  name: string,
  makeFixture: () => BrokerFixture | Promise<BrokerFixture>,
  options: Partial<BrokerContractOptions> = {},
): void {
  const { peers = true, timeoutMs = 30_000 } = options;
  const rules: Readonly<Record<string, Rule>> = {
    ...DELIVERY_RULES,
    ...(peers ? PEER_RULES : {}),
    ...STREAM_RULES,
    ...PRESENCE_RULES,
    ...MAP_RULES,
    ...MAP_GUARD_RULES,
    ...MODEL_RULES,
  };
  describe(`broker contract: ${name}`, () => {
    let fixture: BrokerFixture;
    let bench: Bench;
    beforeEach(async () => {
      fixture = await makeFixture();
      bench = await createBench(fixture);
    });
    afterEach(() => fixture.dispose());
    for (const [title, rule] of Object.entries(rules)) it(title, () => rule(bench), timeoutMs);
  });
}
