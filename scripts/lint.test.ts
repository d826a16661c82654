// Each rule of the lint, given text that breaks it and text that only looks so. The offending words are put together from parts
// where this file itself is read by the same rules.
import { describe, expect, test } from 'vitest';
import { lintLock, lintText } from './lint.mjs';

const rules = (file: string, text: string): string[] =>
  lintText(file, text).map((finding: { rule: string }) => finding.rule);
const product = 'packages/hub/src/hub.ts';

describe('lint', () => {
  test.each([
    ['clock', 'const at = Date.now();'],
    ['clock', 'const at = new Date();'],
    ['clock', 'const at = globalThis.performance.now();'],
    ['timers', 'setTimeout(run, 5);'],
    ['timers', 'globalThis.setInterval(run, 5);'],
    ['timers', 'const handle = setImmediate(run);'],
    ['random', 'const x = Math.random();'],
    ['environment', 'const port = process.env.PORT;'],
    ['console', 'console.log(1);'],
    ['signals', 'const signal = AbortSignal.any([a, b]);'],
  ])('[LINT-1] %s is a port: %s', (rule, text) => {
    expect(rules(product, text)).toEqual([rule]);
    expect(rules('modules/node/src/service.ts', text)).toEqual([rule]);
    expect(rules('apps/server/src/main.ts', text)).toEqual([]);
    expect(rules('packages/base/src/clock.ts', text)).toEqual([]);
    expect(rules('packages/hub/src/hub.test.ts', text)).toEqual([]);
  });

  test.each([
    'clock.setTimeout(run, 5);',
    'deps.clock.now();',
    '// Date.now() may jump',
    "const text = 'console.log';",
    'const d = new Date(timeMs);',
    'logger.console();',
  ])('[LINT-1] is left alone: %s', (text) => {
    expect(rules(product, text)).toEqual([]);
  });

  test.each([
    'let x: any;',
    'const x = y as any;',
    'type X = Array<any>;',
    'function f(a: any): void {}',
    'type X = string | any;',
    'const m = new Map<string, any>();',
    'let xs: any[] = [];',
    'type X<T = any> = T;',
    'type F = (a: string) => any;',
    'type X = any;',
  ])('[LINT-2] any is found: %s', (text) => {
    expect(rules('apps/cli/src/x.ts', text)).toEqual(['any']);
  });

  test.each([
    '// any of them',
    "const x = 'any';",
    'const any = 1;',
    'expect.any(String);',
    'f({ any: 1 });',
    'if (a || any) f(any);',
    'const b = a && any;',
    'const b = <p>Accepts any, or all</p>;',
  ])('[LINT-2] is no type: %s', (text) => {
    expect(rules('apps/console/src/x.tsx', text)).toEqual([]);
  });

  test.each([
    'test.skip("a", f);',
    'describe.only("a", f);',
    'it.todo("a");',
    'test.concurrent.skip("a", f);',
    'test.skipIf(slow)("a", f);',
    'xit("a", f);',
  ])('[LINT-3] a switched-off test is found: %s', (text) => {
    expect(rules('packages/hub/src/a.test.ts', text)).toEqual(['switched off']);
    expect(rules('tests/system/a.test.ts', text)).toEqual(['switched off']);
  });

  test('[LINT-4] markers of unwritten work are found in comments and documents, not in names', () => {
    const word = 'TO' + 'DO';
    expect(rules(product, `// ${word}: later`)).toEqual(['marker']);
    expect(rules('docs/plan.md', `- ${word} later`)).toEqual(['marker']);
    expect(rules(product, `const column = '${word}';`)).toEqual([]);
  });

  test('[LINT-5] a path of one machine is found anywhere', () => {
    expect(rules('README.md', `run ${'/ho' + 'me/'}jane/x/y`)).toEqual(['machine path']);
    expect(rules(product, `const path = '${'/ro' + 'ot/'}x';`)).toEqual(['machine path']);
    expect(
      rules('README.md', 'see /connection/websocket, https://example.org/home/, docs/work/x and ~/x'),
    ).toEqual([]);
  });

  test('[LINT-6] a lock file with a registry is found', () => {
    const host = 'https://' + 'registry.npmjs.org/' + 'x/-/x-1.0.0.tgz';
    expect(lintLock(`{"a": {"version": "1.0.0",\n"resolved": "${host}"}}`)).not.toEqual([]);
    expect(
      lintLock(
        '{"a": {"version": "1.0.0", "resolved": "packages/base", "link": true, "funding": {"url": "https://opencollective.com/a"}}}',
      ),
    ).toEqual([]);
  });

  test('[LINT-7] a finding names file, line and what to do', () => {
    expect(lintText(product, 'const a = 1;\n\nconsole.log(a);')).toEqual([
      { file: product, line: 3, rule: 'console', message: 'console.: take a Logger' },
    ]);
  });
});
