import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, formatProblem, loadConfig } from '../config/load.js';
import { connectClusters } from './clusters.js';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'trunkline-clusters-'));
});
afterEach(() => {
  rmSync(cwd, { recursive: true, force: true });
});

function kubeconfig(...contexts: string[]): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': contexts[0],
    contexts: contexts.map((name) => ({ name, context: { cluster: name, user: 'u' } })),
    clusters: contexts.map((name) => ({ name, cluster: { server: `https://${name}.example:6443` } })),
    users: [{ name: 'u', user: { token: 't' } }],
  });
}

const connect = (clusters: string, environment: Record<string, string> = {}) => {
  writeFileSync(join(cwd, 'trunkline.yaml'), `kube: {clusters: [${clusters}]}`);
  return connectClusters({ clock: new FakeClock(), environment }, loadConfig({ cwd }));
};

describe('clusters of a configuration', () => {
  it('[KCON-2] are read from kubeconfigs, by relative paths and contexts, and from the pod', async () => {
    writeFileSync(join(cwd, 'config'), kubeconfig('one', 'two'));
    const connected = await connect(
      '{id: a, kubeconfig: ./config, mode: shared}, {id: b, name: Second, kubeconfig: config, context: two, mode: own}, {id: c, inCluster: true, mode: impersonate}',
      { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' },
    );
    expect(connected.map(({ id, name, mode, connection: { server } }) => [id, name, mode, server])).toEqual([
      ['a', 'a', 'shared', 'https://one.example:6443'],
      ['b', 'Second', 'own', 'https://two.example:6443'],
      ['c', 'c', 'impersonate', 'https://10.0.0.1:443'],
    ]);
  });

  it('[KCON-2] those that cannot be used are told together, by their options', async () => {
    writeFileSync(join(cwd, 'config'), kubeconfig('one'));
    const failure = await connect(
      '{id: a, kubeconfig: gone, mode: shared}, {id: b, kubeconfig: config, context: two, mode: shared}, {id: c, inCluster: true, mode: own}',
    ).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigError);
    const told = (failure as ConfigError).problems.map(formatProblem);
    expect(told).toHaveLength(3);
    expect(told[0]).toMatch(/^kube\.clusters\[0\]\.kubeconfig: .*ENOENT/);
    expect(told[1]).toMatch(/^kube\.clusters\[1\]\.kubeconfig: .*two/);
    expect(told[2]).toMatch(/^kube\.clusters\[2\]\.inCluster: .*KUBERNETES_SERVICE_HOST/);
  });
});
