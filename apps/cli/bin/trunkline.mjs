#!/usr/bin/env node
// The command as installed. It runs what was built; a checkout that was not built yet says so instead of failing on a missing file.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../dist/index.js', import.meta.url));
if (existsSync(built)) {
  const { runProcess } = await import('../dist/index.js');
  await runProcess();
} else {
  console.error('trunkline is not built yet: run `npm start` (or `npm run build`) in the checkout first.');
  process.exitCode = 1;
}
