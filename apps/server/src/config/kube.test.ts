import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configCheck, formatProblem, loadConfig } from './load.js';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'trunkline-kube-'));
});
afterEach(() => {
  rmSync(cwd, { recursive: true, force: true });
});

function problems(yaml: string, flags: readonly string[] = []): string[] {
  writeFileSync(join(cwd, 'trunkline.yaml'), yaml);
  return configCheck({ cwd, flags }).map(formatProblem);
}

const demoRun = (flags: readonly string[]): string => loadConfig({ cwd, flags }).values.kube.demo.run;

describe('clusters in the configuration', () => {
  it('[KCON-1] an id, a place and a mode are enough', () => {
    expect(
      problems(
        'kube: {clusters: [{id: prod, kubeconfig: ./prod.yaml, context: eu, mode: shared, orgs: acme}]}',
      ),
    ).toEqual([]);
    expect(problems('kube: {clusters: [{id: here, inCluster: true, mode: impersonate}]}')).toEqual([]);
  });

  it('[KCON-1] every misfit is told by its place', () => {
    const yaml = [
      'kube:',
      '  clusters:',
      '    - {id: a, kubeconfig: a.yaml, inCluster: true, mode: shared}',
      '    - {id: a, inCluster: true, context: x, mode: own}',
      '    - {id: b, mode: own}',
    ].join('\n');
    expect(problems(yaml)).toEqual([
      'kube.clusters[0]: needs exactly one of kubeconfig and inCluster (trunkline.yaml:3)',
      'kube.clusters[1].id: a is already the id of kube.clusters[0] (trunkline.yaml:4)',
      'kube.clusters[1].context: is of a kubeconfig, and none is named (trunkline.yaml:4)',
      'kube.clusters[2]: needs exactly one of kubeconfig and inCluster (trunkline.yaml:5)',
    ]);
    expect(problems('kube: {clusters: [{id: "a b", kubeconfig: x}]}')).toEqual([
      expect.stringMatching(/^kube\.clusters\[0\]\.id: expected an id of 1 to 64 characters/),
      expect.stringMatching(/^kube\.clusters\[0\]\.mode: is required: one of shared, impersonate, own/),
    ]);
  });
});

describe('the demo cluster in the configuration', () => {
  it('[KCON-4] is off, on request in development, and started by --demo', () => {
    expect(demoRun([])).toBe('never');
    expect(demoRun(['--dev'])).toBe('onRequest');
    expect(demoRun(['--dev', '--demo'])).toBe('start');
    expect(demoRun(['--demo', '--dev'])).toBe('start');
    expect(demoRun(['--demo=onRequest'])).toBe('onRequest');
    expect(problems('', ['--demo', 'start'])).toEqual(['unexpected argument "start" (flag)']);
  });

  it('[KCON-4] is not for a server with clusters of its own', () => {
    expect(problems('kube: {clusters: [{id: a, inCluster: true, mode: own}]}', ['--demo'])).toEqual([
      'kube.demo.run: is for servers without clusters of their own: take kube.clusters away, or set it to never (flag)',
    ]);
  });
});
