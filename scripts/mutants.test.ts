import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { applyMutant, checkMutants, MUTANTS } from './mutants.mjs';

const KEPT = JSON.parse(
  readFileSync(new URL('../tests/sim/kept-seeds.json', import.meta.url), 'utf8'),
) as readonly { readonly mutant?: string }[];

it('[SIM-15] each mutant changes one place of the code as it is now', () => {
  expect(checkMutants()).toEqual([]);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(25);
  for (const { text, replacement } of MUTANTS) expect(replacement).not.toBe(text);
});

it('[SIM-15] a text that stands nowhere, or twice, is refused', () => {
  const mutant = { name: 'm', file: 'a.ts', text: 'one', replacement: '$& two' };
  expect(applyMutant(mutant, 'only one here')).toBe('only $& two here');
  expect(() => applyMutant(mutant, 'nothing')).toThrow('0 times');
  expect(() => applyMutant(mutant, 'one and one')).toThrow('2 times');
});

it('[SIM-4] the mutant that a kept seed names is on the list', () => {
  const names = new Set(MUTANTS.map(({ name }) => name));
  for (const { mutant } of KEPT) if (mutant !== undefined) expect(names).toContain(mutant);
});
