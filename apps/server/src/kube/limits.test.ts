import { createSeededRandom, silentLogger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import {
  KUBE_DEFAULTS,
  LOGS_DEFAULTS,
  PROXY_DEFAULTS,
  WINDOWS_DEFAULTS,
  WIRES_DEFAULTS,
} from '@trunkline/module-kube/defaults';
import { createKubeBed } from '@trunkline/module-kube/testing';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configCheck, formatProblem, loadConfig, type ResolvedConfig } from '../config/load.js';
import { toKubeLimits, type KubeLimits } from './limits.js';
import { openServerKube } from './open.js';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'trunkline-limits-'));
});
afterEach(() => {
  rmSync(cwd, { recursive: true, force: true });
});

function load(kube: string): ResolvedConfig {
  writeFileSync(join(cwd, 'trunkline.yaml'), kube === '' ? '' : `kube: ${kube}`);
  return loadConfig({ cwd });
}
const limitsOf = (kube: string): KubeLimits => toKubeLimits(load(kube).values.kube);
const problems = (kube: string): string[] => {
  writeFileSync(join(cwd, 'trunkline.yaml'), `kube: ${kube}`);
  return configCheck({ cwd }).map(formatProblem);
};

describe('limits of live lists in the configuration', () => {
  it('[KCON-6] are those of the module where nothing is written', () => {
    const { tuning, ...parts } = limitsOf('');
    expect(KUBE_DEFAULTS).toMatchObject(tuning);
    const defaults = {
      windows: WINDOWS_DEFAULTS,
      logs: LOGS_DEFAULTS,
      proxy: PROXY_DEFAULTS,
      wires: WIRES_DEFAULTS,
    };
    expect(defaults).toMatchObject(parts);
  });

  it('[KCON-6] have units and bounds, and are complained of by name', () => {
    const { tuning, windows } = limitsOf(
      '{lists: {linger: 2m, maxBytes: 64MiB}, windows: {engineMemory: 1GiB}}',
    );
    expect(tuning).toMatchObject({ lingerMs: 120_000, reflectors: { reflector: { maxBytes: 67_108_864 } } });
    expect(windows.engineMemoryMb).toBe(1_024);
    expect(
      problems(
        '{rights: {ttl: 1m, maxNamespaces: 0}, windows: {engineMemory: 1MiB, maxPerUsr: 3}, logs: {linger: x}}',
      ),
    ).toEqual([
      expect.stringMatching(/^kube\.rights\.ttl: must be at most 3000 ms, got "1m"/),
      expect.stringMatching(/^kube\.rights\.maxNamespaces: expected a whole number from 1 to 100000, got 0/),
      expect.stringMatching(/^kube\.windows\.engineMemory: must be at least 67108864 bytes/),
      expect.stringMatching(/^kube\.windows\.maxPerUsr: unknown key, did you mean maxPerUser\?/),
      expect.stringMatching(/^kube\.logs\.linger: expected a duration/),
    ]);
    expect(problems('{lists: {linger: 0}}')).toEqual([
      expect.stringMatching(/^kube\.lists\.linger: must be at least 10000 ms, got 0/),
    ]);
  });

  it('[KCON-6] reach the clusters and the module of a server', async () => {
    const clock = new FakeClock();
    const config = load(
      '{rights: {askAgain: 7s}, lists: {maxPerOrg: 9}, windows: {maxPerOrg: 8}, logs: {maxFollowed: 7}}',
    );
    const { kube, windows, logs, dispose } = await openServerKube(
      {
        clock,
        random: createSeededRandom(1),
        logger: silentLogger,
        directory: undefined,
        store: undefined,
        environment: {},
      },
      config,
    );
    expect(kube.tuning).toMatchObject({ askAgainMs: 7_000, maxListsPerOrg: 9 });
    expect([windows.maxPerOrg, logs.maxFollowed]).toEqual([8, 7]);
    await dispose();
  });

  it('[KCON-6] a changed one has its effect: lists of one wish, windows of a user, when to ask again', async () => {
    const { tuning, ...setup } = limitsOf(
      '{rights: {askAgain: 7s}, lists: {maxOpened: 1}, windows: {maxPerUser: 1, maxLists: 1}}',
    );
    const bed = await createKubeBed({ tuning, setup });
    for (const name of ['blue', 'red']) {
      bed.world.addNamespace(name);
      bed.world.rules.push({ user: 'ada', verbs: ['list', 'watch'], resource: 'pods', namespace: name });
    }
    const ada = await bed.viewer({ user: 'ada' });
    const ask = (method: string, params: object) => bed.during(ada.rpc(method, params));
    expect(await ask('kube.open', { cluster: 'c1', resource: 'pods' })).toMatchObject({
      lists: [{ namespace: 'blue' }],
      denied: [{ code: 106, reason: 'only 1 of 2 namespaces' }],
      askAgainMs: 7_000,
    });
    const window = (sources: readonly object[]): Promise<Record<string, unknown>> =>
      ask('kube.window', { sources, resource: 'pods' });
    const first = await window([{ cluster: 'c1' }]);
    expect(first).toMatchObject({ denied: [{ code: 106 }], askAgainMs: 7_000 });
    expect(await window([{ cluster: 'c1', namespaces: ['red'] }])).toHaveProperty('channel');
    // The first one made room.
    expect(await ask('kube.windowState', { channel: first['channel'] })).toMatchObject({
      error: { code: 1332 },
    });
    await bed.dispose();
  });
});
