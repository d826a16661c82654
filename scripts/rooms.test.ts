// Plants violations of the plan in small made-up checkouts and expects each to be found, and nothing else.
import { describe, expect, test } from 'vitest';
import { findViolations } from './rooms.mjs';

const door = { '.': './src/index.ts' };
const manifests = new Map([
  ['', { name: 'root', devDependencies: { vitest: '4' } }],
  ['packages/base', { name: '@trunkline/base', exports: { ...door, './testing': './src/testing.ts' } }],
  [
    'packages/protocol',
    { name: '@trunkline/protocol', exports: door, dependencies: { '@trunkline/base': '1' } },
  ],
  [
    'packages/contracts',
    {
      name: '@trunkline/contracts',
      exports: { ...door, './node': './src/node.ts', './inbox': './src/inbox.ts' },
    },
  ],
  [
    'packages/broker',
    { name: '@trunkline/broker', exports: door, dependencies: { '@trunkline/protocol': '1' } },
  ],
  [
    'packages/hub',
    {
      name: '@trunkline/hub',
      exports: door,
      dependencies: { '@trunkline/base': '1', '@trunkline/protocol': '1', '@trunkline/broker': '1' },
    },
  ],
  [
    'packages/client',
    { name: '@trunkline/client', exports: door, dependencies: { '@trunkline/base': '1', centrifuge: '5' } },
  ],
  [
    'packages/transport',
    {
      name: '@trunkline/transport',
      exports: door,
      dependencies: { '@trunkline/hub': '1', '@trunkline/client': '1' },
    },
  ],
  [
    'modules/node',
    {
      name: '@trunkline/module-node',
      exports: door,
      dependencies: { '@trunkline/contracts': '1', '@trunkline/transport': '1' },
    },
  ],
  [
    'apps/server',
    { name: '@trunkline/server', exports: door, dependencies: { '@trunkline/module-node': '1' } },
  ],
  ['apps/cli', { name: '@trunkline/cli', exports: door, dependencies: { '@trunkline/server': '1' } }],
  ['apps/console', { name: '@trunkline/console', exports: door, dependencies: { '@trunkline/server': '1' } }],
  ['testkit', { name: '@trunkline/testkit', exports: door }],
]);

/** Rules broken by these files, in order. */
function rules(files: Record<string, string>): string[] {
  return findViolations(new Map(Object.entries(files)), manifests).map(
    (violation: { rule: string }) => violation.rule,
  );
}

describe('rooms', () => {
  test('[ROOMS-1] arrows that go down are welcome', () => {
    expect(
      rules({
        'packages/hub/src/hub.ts':
          "import { a } from '@trunkline/base';\nimport type { B } from '@trunkline/protocol';\nexport { c } from '@trunkline/broker';",
        'apps/cli/src/serve.ts': "import { runServer } from '@trunkline/server';",
        'apps/server/src/compose.ts':
          "import { nodeModule } from '@trunkline/module-node';\nimport { readFileSync } from 'node:fs';\nimport fs from 'fs';",
      }),
    ).toEqual([]);
  });

  test.each([
    ['a value import upwards', "import { createHub } from '@trunkline/hub';"],
    ['a type-only import upwards', "import type { Hub } from '@trunkline/hub';"],
    ['a re-export upwards', "export * from '@trunkline/hub';"],
    ['a named re-export upwards', "export { type Hub, createHub as make } from '@trunkline/hub';"],
    ['a dynamic import upwards', "const hub = await import('@trunkline/hub');"],
    ['a type query upwards', "export type Hub = import('@trunkline/hub').Hub;"],
    ['a side-effect import upwards', "import '@trunkline/hub';"],
    ['an import over many lines', "import {\n  createHub,\n  type Hub,\n} from '@trunkline/hub';"],
  ])('[ROOMS-1] %s is found', (_name, text) => {
    expect(rules({ 'packages/broker/src/memory.ts': text })).toContain('floor');
  });

  test('[ROOMS-1] a neighbour of the same floor is a stranger', () => {
    expect(rules({ 'modules/node/src/routes.ts': "import { ws } from '@trunkline/transport';" })).toEqual([
      'floor',
    ]);
    expect(rules({ 'apps/console/src/main.tsx': "import { loadConfig } from '@trunkline/server';" })).toEqual(
      ['floor'],
    );
  });

  test('[ROOMS-1] a lower package that is not on the list is refused', () => {
    expect(
      rules({ 'packages/transport/src/sse.ts': "import { createClient } from '@trunkline/client';" }),
    ).toEqual(['may use']);
  });

  test('[ROOMS-2] only exports are doors', () => {
    expect(
      rules({ 'packages/protocol/src/a.ts': "import { x } from '@trunkline/base/src/clock.js';" }),
    ).toEqual(['door']);
    expect(rules({ 'packages/protocol/src/a.ts': "import { x } from '../../base/src/clock.js';" })).toEqual([
      'door',
    ]);
    expect(rules({ 'packages/protocol/src/a.ts': "import { x } from '@trunkline/bass';" })).toEqual(['door']);
    expect(
      rules({ 'packages/protocol/src/a.test.ts': "import { FakeClock } from '@trunkline/base/testing';" }),
    ).toEqual([]);
  });

  test('[ROOMS-2] a module sees its own contract only', () => {
    expect(rules({ 'modules/node/src/a.ts': "import type { C } from '@trunkline/contracts/node';" })).toEqual(
      [],
    );
    expect(
      rules({ 'modules/node/src/a.ts': "import type { C } from '@trunkline/contracts/inbox';" }),
    ).toEqual(['own contract']);
  });

  test("[ROOMS-2] a package's own index is for others", () => {
    expect(
      rules({
        'packages/base/src/index.ts': '',
        'packages/base/src/ids.ts': "import { x } from './index.js';",
      }),
    ).toEqual(['own index']);
    expect(rules({ 'packages/base/src/ids.ts': "import { x } from '@trunkline/base';" })).toEqual([
      'own index',
    ]);
    expect(
      rules({
        'packages/base/src/index.ts': '',
        'packages/base/src/index.test.ts': "import { x } from './index.js';",
      }),
    ).toEqual([]);
  });

  test('[ROOMS-2] the test kit stays in tests', () => {
    expect(rules({ 'packages/base/src/ids.ts': "import { kit } from '@trunkline/testkit';" })).toContain(
      'testkit',
    );
    expect(
      rules({
        'packages/base/src/ids.test.ts':
          "import { kit } from '@trunkline/testkit';\nimport { test } from 'vitest';",
      }),
    ).toEqual([]);
  });

  test('[ROOMS-2] what is imported is declared', () => {
    expect(rules({ 'packages/base/src/ids.ts': "import { nanoid } from 'nanoid';" })).toEqual(['manifest']);
    expect(rules({ 'packages/base/src/ids.ts': "import { test } from 'vitest';" })).toEqual(['manifest']);
    expect(rules({ 'testkit/src/stock.ts': "import { Centrifuge } from 'centrifuge';" })).toEqual([]);
  });

  test('[ROOMS-3] files of one package form no cycle, type-only arrows included', () => {
    const found = findViolations(
      new Map([
        ['packages/base/src/a.ts', "import { b } from './b.js';"],
        ['packages/base/src/b.ts', "export * from './c.js';"],
        ['packages/base/src/c.ts', "import type { A } from './a.js';"],
        ['packages/base/src/d.ts', "import { a } from './a.js';"],
      ]),
      manifests,
    );
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      rule: 'cycle',
      message: expect.stringContaining('a.ts, packages/base/src/b.ts, packages/base/src/c.ts'),
    });
  });

  test('[ROOMS-3] inside the hub arrows run left to right', () => {
    expect(
      rules({
        'packages/hub/src/router/router.ts':
          "import { C } from '../channels/channel.js';\nimport { o } from '../options.js';",
      }),
    ).toEqual([]);
    expect(
      rules({ 'packages/hub/src/channels/channel.ts': "import { R } from '../router/router.js';" }),
    ).toEqual(['hub order']);
    expect(
      rules({ 'packages/hub/src/options.ts': "import { C } from './connection/connection.js';" }),
    ).toEqual(['hub order']);
    expect(
      rules({ 'packages/hub/src/channels/channel.test.ts': "import { createHub } from '../hub.js';" }),
    ).toEqual([]);
  });

  test('[ROOMS-4] comments, strings and members are no imports', () => {
    expect(
      rules({
        'packages/base/src/a.ts': [
          "// import { x } from '@trunkline/hub';",
          "/* export * from '@trunkline/hub'; */",
          'const text = "import { x } from \'@trunkline/hub\'";',
          "const template = `import '@trunkline/hub' ${depth({ a: `export * from '@trunkline/hub'` })}`;",
          "const pattern = /import '@trunkline\\/hub'/;",
          "loader.import('@trunkline/hub');",
          'export const from = 1;',
          'export { text, template };',
          "'@trunkline/hub';",
        ].join('\n'),
      }),
    ).toEqual([]);
  });

  test('[ROOMS-4] an apostrophe in JSX hides nothing after it', () => {
    expect(
      rules({ 'packages/base/src/a.tsx': "const a = <p>Don't</p>;\nconst b = import('@trunkline/hub');" }),
    ).toContain('floor');
  });
});
