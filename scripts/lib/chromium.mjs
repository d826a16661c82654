/** Finds the browser that the system tests drive, or installs Debian's where that is possible. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run, timed } from './run.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** @param {NodeJS.ProcessEnv} env @returns {string | undefined} path of the browser */
export function findChromium(env = process.env) {
  if (env['CHROMIUM_BIN'] !== undefined)
    return isExecutable(env['CHROMIUM_BIN']) ? env['CHROMIUM_BIN'] : undefined;
  const folders = ['/usr/bin', ...(env['PATH'] ?? '').split(delimiter)];
  for (const folder of folders) {
    for (const name of NAMES) if (isExecutable(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns {Promise<string | undefined>} path of the browser; where there is none, what to do has been printed */
export async function ensureChromium() {
  const found = findChromium();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && isExecutable('/usr/bin/apt-get')) {
    console.log('The browser tests need Chromium, which is not installed.');
    await timed('apt-get install chromium', async () => {
      const env = { DEBIAN_FRONTEND: 'noninteractive' };
      await run('apt-get', ['update', '-q'], { quiet: true, env });
      return run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium'], {
        quiet: true,
        env,
      });
    });
    const installed = findChromium();
    if (installed !== undefined) return installed;
  }
  console.error(
    'The browser tests need Chromium. Install it (Debian, Ubuntu: `apt-get install chromium`; others: Chromium or Chrome on the path) or name it in CHROMIUM_BIN.',
  );
  return undefined;
}
