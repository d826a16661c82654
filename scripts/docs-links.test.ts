// Links of made-up pages: which are followed, which are broken, and how headings are named.
import { describe, expect, test } from 'vitest';
import { findBroken } from './docs-links.mjs';

const files = new Set(['README.md', 'docs/a.md', 'docs/b.md', 'docs/images/x.png', 'LICENSE']);
const broken = (pages: Record<string, string>): string[] =>
  findBroken(new Map(Object.entries(pages)), (path: string) => files.has(path) || path === 'docs').map(
    (found: { file: string; line: number; message: string }) =>
      `${found.file}:${found.line} ${found.message}`,
  );

describe('docs-links', () => {
  test('[DOCS-1] links to files, folders, images and other sites that exist pass', () => {
    expect(
      broken({
        'README.md':
          '[a](docs/a.md) ![x](docs/images/x.png "title") [l](LICENSE) [d](docs) [w](https://example.org/x.md) <img src="docs/images/x.png">',
        'docs/a.md': '[up](../README.md) [b](./b.md)',
      }),
    ).toEqual([]);
  });

  test('[DOCS-1] a missing file is named with its line', () => {
    expect(broken({ 'docs/a.md': 'text\n\n[gone](gone.md) and ![gone](images/y.png)' })).toEqual([
      'docs/a.md:3 gone.md: no such file',
      'docs/a.md:3 images/y.png: no such file',
    ]);
    expect(broken({ 'README.md': '[out](../elsewhere.md)' })).toEqual([
      'README.md:1 ../elsewhere.md: no such file',
    ]);
    expect(broken({ 'README.md': 'see [it][ref]\n\n[ref]: docs/gone.md' })).toEqual([
      'README.md:2 docs/gone.md: no such file',
    ]);
  });

  test('[DOCS-1] an anchor needs its heading', () => {
    const b = '# The walk: in & out\n\n## `npm start`, then?\n\n## Same\n\n## Same\n';
    expect(
      broken({
        'docs/b.md': b,
        'README.md':
          '[1](docs/b.md#the-walk-in--out) [2](docs/b.md#npm-start-then) [3](docs/b.md#same-1) [4](#own)\n\n# Own',
      }),
    ).toEqual([]);
    expect(broken({ 'docs/b.md': b, 'README.md': '[1](docs/b.md#same-2)\n[2](#none)' })).toEqual([
      'README.md:1 docs/b.md#same-2: no such heading',
      'README.md:2 #none: no such heading',
    ]);
  });

  test('[DOCS-1] code is not read', () => {
    expect(
      broken({ 'README.md': '```md\n[x](gone.md)\n```\n`[x](gone.md)` and\n~~~\n# none\n~~~\n' }),
    ).toEqual([]);
    expect(broken({ 'README.md': '```\n# Not a heading\n```\n[x](#not-a-heading)' })).toEqual([
      'README.md:4 #not-a-heading: no such heading',
    ]);
  });
});
