import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { outdated, withOptions, writePages } from './reference.mjs';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

describe('reference pages', () => {
  it('[REF-2] what differs is named and written; what does not is left alone', () => {
    const root = mkdtempSync(join(tmpdir(), 'trunkline-reference-'));
    roots.push(root);
    const pages = new Map([
      ['docs/reference/a.md', '# A\n'],
      ['docs/reference/b.md', '# B\n'],
    ]);
    expect(outdated(pages, root)).toEqual(['docs/reference/a.md', 'docs/reference/b.md']);
    expect(writePages(pages, root)).toHaveLength(2);
    expect(outdated(pages, root)).toEqual([]);
    pages.set('docs/reference/b.md', '# B, changed\n');
    expect(outdated(pages, root)).toEqual(['docs/reference/b.md']);
    expect(writePages(pages, root)).toEqual(['docs/reference/b.md']);
    expect(readFileSync(join(root, 'docs/reference/b.md'), 'utf8')).toBe('# B, changed\n');
  });

  it('[REF-2] the table of options stands between its marks', () => {
    const text = 'before\n<!-- options -->\n\nold\n\n<!-- end of options -->\nafter';
    expect(withOptions(text, '| $& |')).toBe(
      'before\n<!-- options -->\n\n| $& |\n\n<!-- end of options -->\nafter',
    );
    expect(() => withOptions('nothing', '')).toThrow('no place for the options');
  });
});
