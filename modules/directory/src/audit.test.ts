/** The audit log: what is read of it, and what it is held to. */
import { startPostgres } from '@trunkline/testkit';
import { expect, it } from 'vitest';
import { sweepAudit } from './audit.js';
import { onEachEngine } from './testing/bed.js';
import { OPERATOR } from './testing.js';

onEachEngine('the directory: the audit log', startPostgres, (bed) => {
  const { node } = bed;

  it('[DIR-19] the audit log is read by filter and page, and bounded', async () => {
    const { directory, clock } = node();
    for (const name of ['a', 'b', 'c', 'd']) await directory.orgs.create(OPERATOR, name, {}, undefined);
    for (let n = 0; n < 4; n++) await directory.orgs.update(OPERATOR, 'a', {}, undefined);
    const first = await directory.audit('a', { limit: 3 });
    expect(first.items.map(({ action }) => action)).toEqual(['org.updated', 'org.updated', 'org.updated']);
    const rest = await directory.audit('a', { after: first.next });
    expect(rest.items.map(({ action }) => action)).toEqual(['org.updated', 'org.created']);
    expect((await directory.audit('a', { action: 'org.created' })).items).toHaveLength(1);
    expect((await directory.audit('a', { actor: 'nobody' })).items).toHaveLength(0);
    const options = { auditRetentionMs: 60_000, auditMaxRecords: 6 };
    await sweepAudit(bed.store, clock, options);
    // The longest log gives: those of b, c and d have one record each.
    expect((await directory.audit('a', {})).items).toHaveLength(3);
    expect((await directory.audit('b', {})).items).toHaveLength(1);
    await clock.advance(60_001);
    await sweepAudit(bed.store, clock, options);
    expect((await directory.audit('a', {})).items).toHaveLength(0);
  });
});
