import { describe, expect, test } from 'vitest';
import { syncSnippets } from './docs-snippets.mjs';

const FILE = [
  'before',
  '  // #region part',
  '  one();',
  '',
  '    two();',
  '  // #endregion part',
  'after',
  '',
].join('\n');
const read = (path: string): string | undefined => (path === 'a.ts' ? FILE : undefined);
const block = (source: string, code: string): string =>
  `text\n\n<!-- file: ${source} -->\n\`\`\`ts\n${code}\`\`\`\nmore\n`;
const messages = (page: string): string[] => syncSnippets(page, read).findings.map(({ message }) => message);

describe('snippets of the guides', () => {
  test('[DOCS-3] a block equals its file or the region it names', () => {
    expect(messages(block('a.ts', FILE))).toEqual([]);
    expect(messages(block('a.ts#part', 'one();\n\n  two();\n'))).toEqual([]);
  });

  test('[DOCS-3] what differs is found, with its line, and can be written', () => {
    const stale = block('a.ts#part', 'one();\n');
    expect(syncSnippets(stale, read).findings).toEqual([{ line: 3, message: 'differs from a.ts#part' }]);
    const { page } = syncSnippets(stale, read);
    expect(page).toBe(block('a.ts#part', 'one();\n\n  two();\n'));
    expect(messages(page)).toEqual([]);
  });

  test('[DOCS-3] a block that could be tested must name a file, and one that exists', () => {
    expect(messages('```ts\ncode\n```\n')).toEqual([
      'this ts block names no file (<!-- file: path#region -->)',
    ]);
    expect(messages('```sh\nls\n```\n')).toEqual([]);
    expect(messages(block('b.ts', 'x\n'))).toEqual(['b.ts: no such file']);
    expect(messages(block('a.ts#other', 'x\n'))).toEqual(['a.ts: no region other']);
  });
});
