/** Reads what vitest's JSON reporter wrote and counts it so that nothing that went wrong is missing from the count. */

/** @typedef {{ name: string, status: string, message?: string, assertionResults?: { status: string }[] }} FileResult */

/**
 * @param {{ testResults?: FileResult[], numTotalTests?: number } | undefined} report undefined where none was written
 * @param {number} exitCode of vitest
 * @returns {{ passed: number, failed: number, notes: string[] }}
 */
export function countResults(report, exitCode) {
  const notes = [];
  let passed = 0;
  let failed = 0;
  for (const file of report?.testResults ?? []) {
    const statuses = (file.assertionResults ?? []).map((test) => test.status);
    const ok = statuses.filter((status) => status === 'passed').length;
    const bad = statuses.length - ok;
    passed += ok;
    failed += bad;
    if (bad === 0 && (file.status === 'failed' || statuses.length === 0)) {
      failed++;
      notes.push(`${file.name}: ${file.message?.split('\n')[0] || 'no test ran in this file'}`);
    }
  }
  if (report === undefined) {
    failed++;
    notes.push('vitest wrote no report');
  } else if (passed === 0 && failed === 0) {
    failed++;
    notes.push('no tests ran');
  } else if (exitCode !== 0 && failed === 0) {
    failed++;
    notes.push('vitest failed outside any test (an unhandled error; see above)');
  }
  return { passed, failed, notes };
}
