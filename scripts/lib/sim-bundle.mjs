/**
 * The simulation of tests/sim as one plain module, with the sources of the packages in it, so that worker processes start at once and run what
 * is on disk now. Texts of single files may be replaced on the way in: the working tree is never touched.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import { ROOT } from './files.mjs';

/** A folder for bundles; the caller removes it. */
export function makeFolder() {
  return mkdtempSync(join(tmpdir(), 'trunkline-sim-'));
}

/**
 * @param {string} folder where the module goes
 * @param {{ name?: string, entry?: string, replace?: ReadonlyMap<string, (text: string) => string> }} [options] `replace`: by path from the root; a file that is never read is an error
 * @returns {Promise<string>} path of the module
 */
export async function bundleSimulation(folder, options = {}) {
  const { name = 'sim', entry = 'tests/sim/run.ts', replace = new Map() } = options;
  const left = new Set([...replace.keys()].map((path) => resolve(ROOT, path)));
  const result = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['trunkline-source'] },
    ssr: { noExternal: true, resolve: { conditions: ['trunkline-source', 'node', 'import', 'default'] } },
    plugins: [
      {
        name: 'replace',
        enforce: 'pre',
        load(id) {
          const path = id.split('?')[0] ?? id;
          if (!left.delete(path)) return undefined;
          const change = [...replace].find(([file]) => resolve(ROOT, file) === path);
          return change?.[1](readFileSync(path, 'utf8'));
        },
      },
    ],
    build: {
      write: false,
      ssr: true,
      target: 'node20',
      minify: false,
      rolldownOptions: { input: join(ROOT, entry), output: { format: 'es', codeSplitting: false } },
    },
  });
  if (left.size > 0) throw new Error(`not part of the simulation: ${[...left].join(', ')}`);
  const outputs = Array.isArray(result) ? result : [result];
  const chunk = outputs
    .flatMap((one) => ('output' in one ? one.output : []))
    .find((one) => one.type === 'chunk');
  if (chunk?.type !== 'chunk') throw new Error('nothing was bundled');
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, chunk.code);
  return path;
}
