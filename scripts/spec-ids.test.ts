// Rules and citations in made-up pages and tests.
import { expect, test } from 'vitest';
import { compareIds } from './spec-ids.mjs';

const pages = new Map([
  ['docs/spec/a.md', '**[ABC-1] First.** Text.\n\n**[ABC-2] Second.** See [ABC-1].'],
  ['docs/spec/b.md', '**[DEF-1] Third.**'],
]);

test('[SPEC-1] every cited rule exists, and rules without a test are listed', () => {
  const outcome = compareIds(
    pages,
    new Map([
      [
        'a.test.ts',
        "test('[ABC-1] works', f);\ntest.each([1])(`[DEF-1] ${x} works`, f);\n// [XYZ-9] in a comment",
      ],
    ]),
  );
  expect(outcome).toEqual({ findings: [], rules: 3, untested: ['ABC-2'] });
});

test('[SPEC-1] a citation without a rule is an error with its place', () => {
  const { findings } = compareIds(pages, new Map([['a.test.ts', "\ntest('[ABC-7] works', f);"]]));
  expect(findings).toEqual([{ file: 'a.test.ts', line: 2, message: '[ABC-7] is no rule of docs/spec' }]);
});

test('[SPEC-1] a number is given once', () => {
  const { findings } = compareIds(new Map([...pages, ['docs/spec/c.md', '\n**[ABC-2] Again.**']]), new Map());
  expect(findings).toEqual([
    { file: 'docs/spec/c.md', line: 2, message: '[ABC-2] is already a rule in docs/spec/a.md:3' },
  ]);
});
