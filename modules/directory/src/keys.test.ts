/** API keys: made, verified, replaced and revoked, on one node and on two. */
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from '@trunkline/store';
import { startPostgres } from '@trunkline/testkit';
import { expect, it } from 'vitest';
import { codeOf, messageOf, onEachEngine } from './testing/bed.js';
import { ADMIN, OPERATOR, type Bench } from './testing.js';
import { makeApiKey } from './tokens.js';

onEachEngine('the directory: API keys', startPostgres, (bed) => {
  const { node, audits } = bed;

  const create = async (bench: Bench, more: object = {}) => {
    const { orgs, keys } = bench.directory;
    await orgs.ensure(OPERATOR, 'acme');
    const given = { org: 'acme', name: 'ci', scopes: ['publish'], ...more };
    const { result } = await keys.create(ADMIN, given, undefined);
    return { id: result.key.id, secret: result.secret ?? '' };
  };

  it('[DIR-7] a key is shown once and kept as a digest; a repeat does not show it again', async () => {
    const { directory } = node();
    await directory.orgs.ensure(OPERATOR, 'acme');
    const make = () => directory.keys.create(ADMIN, { org: 'acme', name: 'ci', scopes: ['publish'] }, 'k1');
    const [one, two] = [(await make()).result, (await make()).result];
    expect(one.secret).toMatch(/^tlk_/);
    expect(two).toEqual({ key: one.key });
    expect(await directory.keyCache.verify(one.secret ?? '')).toMatchObject({
      org: 'acme',
      name: 'ci',
      scopes: ['publish'],
    });
    const lines: string[] = [];
    for await (const line of bed.store.exportRows(['directory', 'store'])) lines.push(line);
    expect(lines.join('\n')).not.toContain(one.secret);
    expect(
      await messageOf(directory.keys.create(ADMIN, { org: 'acme', name: 'ci', scopes: ['*'] }, undefined)),
    ).toBe('conflict: name: there is a key ci');
    expect(
      await messageOf(
        directory.keys.create(ADMIN, { org: 'acme', name: 'old', scopes: ['*'], expiresMs: 1 }, undefined),
      ),
    ).toBe('bad request: expiresMs is in the past');
  });

  it('[DIR-7] wrong, revoked and ended keys are all unknown', async () => {
    const bench = node();
    const { directory, clock } = bench;
    const { secret } = await create(bench, { expiresMs: clock.now() + 60_000 });
    expect(await directory.keyCache.verify(secret)).toBeDefined();
    for (const wrong of [
      '',
      'tlk_',
      `${secret.slice(0, -1)}x`,
      secret.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')),
      makeApiKey(),
    ])
      expect(await directory.keyCache.verify(wrong)).toBeUndefined();
    await clock.advance(60_000);
    expect(await directory.keyCache.verify(secret)).toBeUndefined();
  });

  it('[DIR-8] a revoked key ends at once here and within keyCacheMs on other nodes', async () => {
    const [one, two] = [node(), node()];
    const { id, secret } = await create(one);
    expect(await two.directory.keyCache.verify(secret)).toBeDefined();
    expect(await one.directory.keyCache.verify(secret)).toBeDefined();
    await one.directory.keys.revoke(ADMIN, ['acme'], id, undefined);
    expect(await one.directory.keyCache.verify(secret)).toBeUndefined();
    expect(await two.directory.keyCache.verify(secret)).toBeDefined();
    await two.clock.advance(10_000);
    expect(await two.directory.keyCache.verify(secret)).toBeUndefined();
    // The name is free again.
    expect((await create(one)).id).not.toBe(id);
    expect((await one.directory.keys.list(['acme'], {})).items).toHaveLength(1);
    expect((await one.directory.keys.list(['acme'], { revoked: true })).items).toHaveLength(2);
  });

  it('[DIR-8] while the store does not answer, a right key goes on for keyStaleMs and others get a temporary error', async () => {
    const bench = node();
    const { directory, clock, fault } = bench;
    const { secret } = await create(bench);
    expect(await directory.keyCache.verify(secret)).toBeDefined();
    fault.cause = new CodedError(STORE_CODES.storeUnavailable);
    expect(await codeOf(directory.keyCache.verify(makeApiKey()))).toBe(1100);
    await clock.advance(24_999);
    expect(await directory.keyCache.verify(secret)).toBeDefined();
    await clock.advance(1);
    expect(await codeOf(directory.keyCache.verify(secret))).toBe(1100);
  });

  it('[DIR-20] a key is replaced by one of its name and scopes, and works until the overlap is over', async () => {
    const [one, two] = [node(), node()];
    const { id, secret } = await create(one);
    expect(await two.directory.keyCache.verify(secret)).toBeDefined();
    const rotate = (more: object, key?: string) =>
      one.directory.keys.rotate(ADMIN, ['acme'], id, more, key).then(({ result }) => result);
    const { key, replaced, secret: next } = await rotate({ overlapMs: 60_000 }, 'k1');
    expect(key).toMatchObject({ name: 'ci', scopes: ['publish'], revokedMs: null });
    expect(replaced).toMatchObject({ id, revokedMs: one.clock.now() + 60_000 });
    expect(await rotate({ overlapMs: 60_000 }, 'k1')).toEqual({ key, replaced });
    expect(await messageOf(rotate({}))).toBe('conflict: id: the key ended, or was replaced already');
    expect(await one.directory.keyCache.verify(next ?? '')).toMatchObject({ id: key.id });
    expect((await one.directory.keys.list(['acme'], {})).items).toHaveLength(2);
    for (const { clock } of [one, two]) await clock.advance(59_999);
    for (const { directory } of [one, two]) expect(await directory.keyCache.verify(secret)).toBeDefined();
    for (const { clock } of [one, two]) await clock.advance(1);
    for (const { directory } of [one, two]) {
      expect(await directory.keyCache.verify(secret)).toBeUndefined();
      expect(await directory.keyCache.verify(next ?? '')).toBeDefined();
    }
    expect((await one.directory.keys.list(['acme'], {})).items.map((listed) => listed.id)).toEqual([key.id]);
    expect(await audits()).toContain(`key.rotated ${id}`);
  });

  it('[DIR-20] a key that was replaced may be revoked before the overlap is over', async () => {
    const bench = node();
    const { id, secret } = await create(bench);
    const { keys, keyCache } = bench.directory;
    const { result } = await keys.rotate(ADMIN, ['acme'], id, {}, undefined);
    expect(await keyCache.verify(secret)).toBeDefined();
    expect((await keys.revoke(ADMIN, ['acme'], id, undefined)).result.revokedMs).toBe(bench.clock.now());
    expect(await keyCache.verify(secret)).toBeUndefined();
    expect(await keyCache.verify(result.secret ?? '')).toBeDefined();
  });

  it('[DIR-8] last uses are written together', async () => {
    const bench = node();
    const { directory, clock } = bench;
    const { secret } = await create(bench);
    await directory.keyCache.verify(secret);
    const usedMs = clock.now();
    await directory.dispose();
    const later = node();
    expect((await later.directory.keys.list(['acme'], {})).items[0]?.lastUsedMs).toBe(usedMs);
  });
});
