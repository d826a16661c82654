// What the run scripts decide: whether to install, whether to build, how results are counted, whether a signal is passed on.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isBuilt, sourceHash } from './lib/build.mjs';
import { findProgram, PROGRAMS } from './lib/programs.mjs';
import { missingPackages } from './lib/install.mjs';
import { nodeProblem } from './lib/node-version.mjs';
import { countResults } from './lib/results.mjs';

const folders: string[] = [];
const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-runs-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('install', () => {
  const wanted = {
    packages: {
      '': { version: '0.1.0' },
      'packages/base': { version: '0.1.0' },
      'node_modules/@trunkline/base': { resolved: 'packages/base', link: true },
      'node_modules/ws': { version: '8.23.0' },
      'node_modules/fsevents': { version: '2.0.0', optional: true },
    },
  };

  test('[RUN-1] an install equal to the lock file is left alone, packages of other platforms aside', () => {
    const { '': _root, 'node_modules/fsevents': _other, ...packages } = wanted.packages;
    expect(missingPackages(wanted, { packages })).toEqual([]);
  });

  test('[RUN-1] a missing package, another version and a missing link are noticed', () => {
    const link = { 'node_modules/@trunkline/base': { resolved: 'packages/base', link: true } };
    expect(missingPackages(wanted, { packages: link })).toEqual(['node_modules/ws']);
    expect(
      missingPackages(wanted, { packages: { ...link, 'node_modules/ws': { version: '8.22.0' } } }),
    ).toEqual(['node_modules/ws']);
    expect(missingPackages(wanted, { packages: { 'node_modules/ws': { version: '8.23.0' } } })).toEqual([
      'node_modules/@trunkline/base',
    ]);
  });

  test.each([
    ['v20.19.0', true],
    ['v20.20.2', true],
    ['v24.1.0', true],
    ['v20.18.3', false],
    ['v18.20.0', false],
  ])('[RUN-1] Node %s is accepted: %s', (version, accepted) => {
    expect(nodeProblem(version) === undefined).toBe(accepted);
  });

  const packaged = PROGRAMS.filter(({ elsewhere }) => elsewhere === undefined);

  test.each(packaged.map((program) => [program.name, program] as const))(
    '[RUN-5] %s is found, and one named in the environment is taken at its word or not at all',
    (_name, program) => {
      expect(findProgram(program, { PATH: '' })).toMatch(/^\/.*\/[a-z-]+$/);
      expect(findProgram(program, { [program.variable]: process.execPath, PATH: '' })).toBe(process.execPath);
      expect(findProgram(program, { [program.variable]: '/nowhere/it', PATH: '/usr/bin' })).toBeUndefined();
    },
  );

  test.each(
    PROGRAMS.filter((program) => !packaged.includes(program)).map(
      (program) => [program.name, program] as const,
    ),
  )(
    '[RUN-5] %s, which no package carries, is looked for in the cache and where it is named',
    (_name, program) => {
      expect(program.elsewhere).toContain('npm run setup:kube');
      expect(findProgram(program, { [program.variable]: process.execPath, PATH: '' })).toBe(process.execPath);
      expect(findProgram({ ...program, folders: [] }, { PATH: '' })).toBeUndefined();
    },
  );
});

describe('build', () => {
  test('[RUN-2] content decides: a changed source asks for a build, a changed test does not', () => {
    const root = temporary();
    const write = (path: string, text: string): void => {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    write('packages/base/src/a.ts', 'export const a = 1;');
    const first = sourceHash(root);
    write('packages/base/src/a.ts', 'export const a = 1;');
    write('packages/base/src/a.test.ts', 'test');
    write('packages/base/dist/a.js', 'built');
    expect(sourceHash(root)).toBe(first);
    write('packages/base/src/a.ts', 'export const a = 2;');
    expect(sourceHash(root)).not.toBe(first);
  });

  test('[RUN-2] a stamp counts only with its products', () => {
    const root = temporary();
    mkdirSync(join(root, '.cache'));
    writeFileSync(join(root, '.cache/build.json'), JSON.stringify({ hash: 'h' }));
    expect(isBuilt('h', root)).toBe(false);
    for (const path of [
      'apps/cli/dist/index.js',
      'apps/server/dist/index.js',
      'apps/console/dist/index.html',
    ]) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), '');
    }
    expect(isBuilt('h', root)).toBe(true);
    expect(isBuilt('other', root)).toBe(false);
  });
});

describe('results', () => {
  const file = (status: string, ...tests: string[]): object => ({
    name: 'a.test.ts',
    status,
    message: 'boom\nat x',
    assertionResults: tests.map((test) => ({ status: test })),
  });

  test('[RUN-3] tests are counted, switched-off ones as failures', () => {
    expect(
      countResults(
        { testResults: [file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed', 'skipped')] },
        1,
      ),
    ).toMatchObject({ passed: 3, failed: 2 });
  });

  test('[RUN-3] a file that cannot be loaded is a failure', () => {
    expect(countResults({ testResults: [file('passed', 'passed'), file('failed')] }, 1)).toEqual({
      passed: 1,
      failed: 1,
      notes: ['a.test.ts: boom'],
    });
  });

  test('[RUN-3] an error outside any test, an absent report and a run without tests are failures', () => {
    expect(countResults({ testResults: [file('passed', 'passed')] }, 1)).toMatchObject({
      passed: 1,
      failed: 1,
    });
    expect(countResults({ testResults: [file('passed', 'passed')] }, 0)).toMatchObject({
      passed: 1,
      failed: 0,
    });
    expect(countResults(undefined, 0)).toMatchObject({ passed: 0, failed: 1 });
    expect(countResults({ testResults: [] }, 0)).toMatchObject({ passed: 0, failed: 1 });
  });
});

describe('supervision', () => {
  const supervisor = new URL('./lib/supervise.mjs', import.meta.url).href;

  /** Starts a supervisor over a child that prints each SIGTERM it gets and ends some time after the first. */
  async function supervised(): Promise<{
    parent: ChildProcess;
    childPid: number;
    output: () => string;
    ended: Promise<number | null>;
  }> {
    const root = temporary();
    writeFileSync(
      join(root, 'server.mjs'),
      `let count = 0;
       process.on('SIGTERM', () => {
         console.log('term ' + ++count);
         process.send?.('stopping');
         setTimeout(() => process.exit(7), 1000);
       });
       process.on('disconnect', () => process.exit(9));
       setInterval(() => {}, 1000);
       console.log('pid ' + process.pid + '.');`,
    );
    writeFileSync(
      join(root, 'parent.mjs'),
      `import { superviseServer } from '${supervisor}';\nprocess.exitCode = await superviseServer(['server.mjs'], { root: '${root}' });`,
    );
    const parent = spawn(process.execPath, [join(root, 'parent.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    const childPid = await new Promise<number>((resolve) => {
      parent.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const pid = /pid (\d+)\./.exec(text)?.[1];
        if (pid !== undefined) resolve(Number(pid));
      });
    });
    return {
      parent,
      childPid,
      output: () => text,
      ended: new Promise((resolve) => parent.on('close', (code) => resolve(code))),
    };
  }

  test('[RUN-4] a signal to the supervisor alone reaches the server, whose exit code is passed back', async () => {
    const { parent, output, ended } = await supervised();
    parent.kill('SIGTERM');
    expect(await ended).toBe(7);
    expect(output()).toContain('term 1');
    expect(output()).not.toContain('term 2');
  });

  test('[RUN-4] a signal to both reaches the server once', async () => {
    const { parent, childPid, output, ended } = await supervised();
    process.kill(childPid, 'SIGTERM');
    parent.kill('SIGTERM');
    expect(await ended).toBe(7);
    expect(output()).not.toContain('term 2');
  });

  test('[RUN-4] also where the server has said so before the supervisor hears of it', async () => {
    const { parent, childPid, output, ended } = await supervised();
    process.kill(childPid, 'SIGTERM');
    await expect.poll(() => output()).toContain('term 1');
    parent.kill('SIGTERM');
    expect(await ended).toBe(7);
    expect(output()).not.toContain('term 2');
  });
});
