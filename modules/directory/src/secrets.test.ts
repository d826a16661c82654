/** Secrets and the keys that they are under. */
import { DIRECTORY_CODES } from '@trunkline/contracts/directory';
import { startPostgres } from '@trunkline/testkit';
import { expect, it } from 'vitest';
import { keyIdOf, makeSecretsKey } from './keyring.js';
import { codeOf, messageOf, onEachEngine } from './testing/bed.js';
import { ADMIN, OPERATOR, seed } from './testing.js';

onEachEngine('the directory: secrets', startPostgres, (bed) => {
  const { node } = bed;

  it('[DIR-9] a secret is sealed in the store, and no longer opens elsewhere', async () => {
    const bench = node();
    await seed(bench);
    const { secrets } = bench.directory;
    await secrets.set(ADMIN, 'acme', 'a', 'the value of a', 'k1');
    await secrets.set(ADMIN, 'acme', 'b', 'the value of b', undefined);
    expect(await secrets.read('acme', 'a')).toBe('the value of a');
    expect((await secrets.list('acme', {})).items.map(({ name, updatedBy }) => [name, updatedBy])).toEqual([
      ['a', 'ada'],
      ['b', 'ada'],
    ]);
    const lines: string[] = [];
    for await (const line of bed.store.exportRows(['directory', 'store'])) lines.push(line);
    expect(lines.join('\n')).not.toContain('the value');
    await bed.store.commit({
      statements: [
        {
          sql: `UPDATE directory_secrets SET sealed = (SELECT sealed FROM directory_secrets WHERE name = 'a') WHERE name = 'b'`,
        },
      ],
    });
    expect(await codeOf(secrets.read('acme', 'b'))).toBe(DIRECTORY_CODES.secretsKeyWrong.code);
    await secrets.remove(ADMIN, 'acme', 'a', undefined);
    expect(await secrets.read('acme', 'a')).toBeUndefined();
  });

  it('[DIR-10] a wrong key is refused at start, by the ids of both', async () => {
    const [right, wrong] = [makeSecretsKey(), makeSecretsKey()];
    const one = node({ secretsKeys: [right] });
    await seed(one);
    const two = node({ secretsKeys: [wrong] });
    const refused = await messageOf(two.directory.start());
    expect(refused).toContain(keyIdOf(right));
    expect(refused).toContain(keyIdOf(wrong));
    expect(await codeOf(two.directory.orgs.list({}))).toBe(DIRECTORY_CODES.secretsKeyWrong.code);
    await one.directory.secrets.set(ADMIN, 'acme', 'a', 'v', undefined);
    expect(await codeOf(node({ secretsKeys: [wrong] }).directory.start())).toBe(
      DIRECTORY_CODES.secretsKeyWrong.code,
    );
    expect(await codeOf(node({ secretsKeys: [wrong, right] }).directory.start())).toBe('fine');
  });

  it('[DIR-11] a rotation goes on where a dead process left it, and ends with one key', async () => {
    let kept: readonly Uint8Array[] = [makeSecretsKey()];
    const first = kept[0] as Uint8Array;
    const keepSecretsKeys = async (keys: readonly Uint8Array[]): Promise<void> => void (kept = keys);
    const one = node({ secretsKeys: kept, keepSecretsKeys });
    await seed(one);
    for (let n = 0; n < 5; n++) await one.directory.secrets.set(ADMIN, 'acme', `s${n}`, `v${n}`, undefined);
    expect(await one.directory.secrets.rotate(OPERATOR, 2)).toMatchObject({ rotated: 2, remaining: 3 });
    expect(kept).toHaveLength(2);
    const { managed, keys } = await one.directory.secrets.keys();
    expect(managed).toBe(true);
    expect(keys.map(({ current, held, secrets }) => [current, held, secrets])).toEqual([
      [true, true, 2],
      [false, true, 3],
    ]);
    // Another process takes over with what was kept.
    const two = node({ secretsKeys: kept, keepSecretsKeys });
    await two.directory.start();
    expect(await two.directory.secrets.read('acme', 's4')).toBe('v4');
    expect(await two.directory.secrets.rotate(OPERATOR, 2)).toMatchObject({ rotated: 2, remaining: 1 });
    expect(await two.directory.secrets.rotate(OPERATOR, 2)).toMatchObject({ rotated: 1, remaining: 0 });
    expect(kept).toHaveLength(1);
    expect(kept[0]).not.toEqual(first);
    const three = node({ secretsKeys: kept });
    for (let n = 0; n < 5; n++) expect(await three.directory.secrets.read('acme', `s${n}`)).toBe(`v${n}`);
    expect(await codeOf(node({ secretsKeys: [first] }).directory.start())).toBe(
      DIRECTORY_CODES.secretsKeyWrong.code,
    );
  });

  it('[DIR-11] keys from outside are rotated by giving another first one', async () => {
    const [old, next] = [makeSecretsKey(), makeSecretsKey()];
    const one = node({ secretsKeys: [old] });
    await seed(one);
    await one.directory.secrets.set(ADMIN, 'acme', 'a', 'v', undefined);
    expect(await one.directory.secrets.rotate(OPERATOR)).toEqual({
      keyId: keyIdOf(old),
      rotated: 0,
      remaining: 0,
    });
    const two = node({ secretsKeys: [next, old] });
    expect(await two.directory.secrets.rotate(OPERATOR)).toEqual({
      keyId: keyIdOf(next),
      rotated: 1,
      remaining: 0,
    });
    expect(await node({ secretsKeys: [next] }).directory.secrets.read('acme', 'a')).toBe('v');
  });
});
