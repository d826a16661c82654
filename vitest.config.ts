import { defineConfig } from 'vitest/config';

// Workspace packages resolve to their TypeScript sources here (the "trunkline-source" export condition), so that tests need no build.
export default defineConfig({
  resolve: { conditions: ['trunkline-source'] },
  ssr: { resolve: { conditions: ['trunkline-source', 'node'], externalConditions: ['trunkline-source'] } },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['packages/*/src/**/*.test.{ts,tsx}', 'modules/*/src/**/*.test.ts', 'apps/*/src/**/*.test.{ts,tsx}', 'testkit/src/**/*.test.ts', 'scripts/**/*.test.ts'], testTimeout: 30_000 } },
      { extends: true, test: { name: 'system', include: ['tests/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false } },
    ],
  },
});
