/** Figures to text: one table and one list of aims for each row, on the terminal and in RESULTS.md. */
import { PEERS } from './peers.mjs';
import { median, medianRatio, spread } from './statistics.mjs';

export const CPU_COLUMNS = ['server', 'CPU µs per delivery', 'of it user', 'rounds', 'Trunkline / this'];

export function decimals(value, digits = 1) {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}

/** A table row of `CPU_COLUMNS` from interleaved rounds of `{cpuUs, userUs}`. */
export function cpuRow(peer, results) {
  const cpu = results[peer].map((result) => result.cpuUs);
  const { low, high } = spread(cpu);
  const ratio = results.trunkline
    ? medianRatio(
        results.trunkline.map((result) => result.cpuUs),
        cpu,
      )
    : Number.NaN;
  return [
    PEERS[peer].label,
    decimals(median(cpu), 2),
    decimals(median(results[peer].map((result) => result.userUs)), 2),
    `${decimals(low)}–${decimals(high)}`,
    peer === 'trunkline' ? '' : decimals(ratio, 2),
  ];
}

/** Median of ratios of `cpuUs` against an aim; undefined where one of the two did not run. */
export function check(text, results, peer, aim) {
  if (!results.trunkline || !results[peer]) return undefined;
  const value = medianRatio(
    results.trunkline.map((result) => result.cpuUs),
    results[peer].map((result) => result.cpuUs),
  );
  return { text, value, aim, met: value <= aim };
}

/** Markdown of one finished row. */
export function renderRow({ title, columns, table, checks, skipped, notes }) {
  const lines = [`## ${title}`, '', ...renderTable(columns, table)];
  if (checks.length > 0) {
    lines.push(
      '',
      ...renderTable(
        ['aim', 'wanted', 'measured', 'met'],
        checks.map((item) => [
          item.text,
          `${item.atLeast ? '≥' : '≤'} ${item.aim}`,
          decimals(item.value, item.aim === 0 || item.aim >= 100 ? 0 : item.aim < 0.1 ? 3 : 2),
          item.met ? 'yes' : 'no',
        ]),
      ),
    );
  }
  for (const text of notes ?? []) lines.push('', text);
  for (const reason of skipped ?? []) lines.push('', `Left out: ${reason}`);
  return lines.join('\n');
}

function renderTable(columns, rows) {
  const cells = [columns, ...rows.map((row) => row.map(String))];
  const widths = columns.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [
    line(columns),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...cells.slice(1).map(line),
  ];
}

/** RESULTS.md from the template and every row measured so far. */
export function renderResults(template, rows) {
  const conditions = rows.map(
    ({ id, conditions: c }) =>
      `| ${id} | ${c.date} | ${c.commit} | ${c.cpu}, ${c.cores} cores | ${c.node} | ${c.kernel} | ${c.loadBefore} |`,
  );
  return template
    .replace(
      '{{conditions}}',
      [
        '| row | date | commit | CPU | Node | kernel | load before |',
        '| --- | --- | --- | --- | --- | --- | --- |',
        ...conditions,
      ].join('\n'),
    )
    .replace('{{rows}}', rows.map(renderRow).join('\n\n'));
}
