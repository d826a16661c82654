import { defineConfig } from 'vitest/config';

/**
 * What has the machine to itself: tests that judge the memory of a process, and browsers, which take both cores. The other system tests wait more
 * than they work, so two files run at a time.
 */
const ALONE = [
  'tests/browser/**/*.test.ts',
  'tests/integration/{rubbish,slow-readers,transports-hostile}.test.ts',
];
const waits = { testTimeout: 120_000, hookTimeout: 120_000 };

// Workspace packages resolve to their TypeScript sources here (the "trunkline-source" export condition), so that tests need no build.
export default defineConfig({
  resolve: { conditions: ['trunkline-source'] },
  ssr: { resolve: { conditions: ['trunkline-source', 'node'], externalConditions: ['trunkline-source'] } },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['packages/*/src/**/*.test.{ts,tsx}', 'modules/*/src/**/*.test.ts', 'apps/*/src/**/*.test.{ts,tsx}', 'testkit/src/**/*.test.ts', 'scripts/**/*.test.ts'], testTimeout: 30_000, isolate: false, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: 'system', include: ['tests/**/*.test.ts'], exclude: ALONE, ...waits, maxWorkers: 2, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: 'alone', include: ALONE, ...waits, maxWorkers: 1, fileParallelism: false, sequence: { groupOrder: 2 } } },
    ],
  },
});
