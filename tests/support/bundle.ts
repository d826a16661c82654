/** Code for a page: bundled from the sources of the workspace as an application's bundler would, into a file of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Rollup } from 'vite';
import type { Disposable } from '@trunkline/base';

export interface Bundle extends Disposable {
  readonly file: URL;
}

/** `code` is a module that may import every package of the workspace; what it keeps, it keeps on `globalThis`. */
export async function bundle(code: string): Promise<Bundle> {
  const entry = '\0page';
  const built = (await build({
    root: fileURLToPath(new URL('../..', import.meta.url)),
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['trunkline-source', 'module', 'browser', 'default'] },
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === 'page' ? entry : undefined),
        load: (id) => (id === entry ? code : undefined),
      },
    ],
    build: {
      write: false,
      target: 'es2022',
      minify: false,
      modulePreload: false,
      rolldownOptions: { input: 'page', output: { format: 'iife' } },
    },
  })) as Rollup.RollupOutput | Rollup.RollupOutput[];
  const { output } = Array.isArray(built) ? (built[0] as Rollup.RollupOutput) : built;
  const folder = await mkdtemp(join(tmpdir(), 'page-'));
  const path = join(folder, 'page.js');
  await writeFile(path, output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('\n'));
  return { file: pathToFileURL(path), dispose: () => rm(folder, { recursive: true, force: true }) };
}
