/** Builds every package and the console. `npm run build -- --force` builds even when sources are those of the last build. */
import { ensureBuilt } from './lib/build.mjs';

const failed = await ensureBuilt({ force: process.argv.includes('--force') });
if (failed.length > 0) console.error(`build failed: ${failed.join(', ')}`);
else console.log('built');
process.exitCode = failed.length > 0 ? 1 : 0;
