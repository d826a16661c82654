/**
 * For test files: a quick real store for rooms that stand on this one, and the contract suite that every engine passes (rules in
 * docs/spec/store.md). The suite needs vitest and fast-check.
 */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { CHANNEL_RULES } from './testing/channel-rules.js';
import { FAILPOINT_RULES } from './testing/failpoint-rules.js';
import {
  freshKey,
  freshName,
  openBank,
  type Bench,
  type Opened,
  type Rules,
  type StoreFixture,
} from './testing/fixture.js';
import { IDEMPOTENCY_RULES } from './testing/idempotency-rules.js';
import { MIGRATION_RULES } from './testing/migration-rules.js';
import { OUTBOX_RULES } from './testing/outbox-rules.js';
import { TRANSFER_RULES } from './testing/transfer-rules.js';
import { UNIT_RULES } from './testing/unit-rules.js';

export { ShiftableClock } from './testing/clock.js';
export { codeOf } from './testing/outcomes.js';
export { BANK, openBank, type Opened, type StoreFixture } from './testing/fixture.js';
export { createTestStore, emptyStore, TEMPLATE_DIRECTORY, type TestStore } from './testing/quick-store.js';
export type { Session, Run, Step } from './engine.js';
export { ConnectionLost } from './engine.js';

/** Registers the suite under `name`. Most rules share one store and keep to names of their own. */
export function storeContract(
  name: string,
  makeFixture: () => Promise<StoreFixture>,
  timeoutMs = 60_000,
): void {
  const rules: Rules = {
    ...UNIT_RULES,
    ...CHANNEL_RULES,
    ...OUTBOX_RULES,
    ...IDEMPOTENCY_RULES,
    ...MIGRATION_RULES,
    ...TRANSFER_RULES,
    ...FAILPOINT_RULES,
  };
  describe(`store contract: ${name}`, () => {
    let fixture: StoreFixture;
    let shared: Opened;
    let extra: Opened[] = [];
    beforeAll(async () => {
      fixture = await makeFixture();
      shared = await openBank(await fixture.database());
    }, timeoutMs);
    afterEach(async () => {
      const opened = extra;
      extra = [];
      for (const { store } of opened.reverse()) await store.dispose();
    }, timeoutMs);
    afterAll(async () => {
      await shared.store.dispose();
      await fixture.dispose();
    }, timeoutMs);
    const open: Bench['open'] = async (database, options, deps) => {
      const opened = await openBank(database, options, deps);
      extra.push(opened);
      return opened;
    };
    const fresh: Bench['fresh'] = async (options, deps) => {
      const database = await fixture.database();
      return { ...(await open(database, options, deps)), database };
    };
    for (const [title, rule] of Object.entries(rules))
      it(title, () => rule({ ...shared, name: freshName, key: freshKey, fresh, open }), timeoutMs);
  });
}
