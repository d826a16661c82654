import { readFileSync } from 'node:fs';
import type { Contract } from '@trunkline/contracts';
import { KUBE_MODULE_CODES } from '@trunkline/contracts/kube';
import { KUBE_CODES } from '@trunkline/kube-client';
import { CLOSE_CODES, ERROR_CODES, UNSUBSCRIBE_CODES } from '@trunkline/protocol';
import { CLOSE_HELP, ERROR_HELP, UNSUBSCRIBE_HELP } from '@trunkline/protocol/codes-help';
import { describe, expect, it } from 'vitest';
import { MODULE_CONTRACTS } from './contracts.js';
import { codeSections, configurationReference, errorReference } from './references.js';

const page = (path: string): string =>
  readFileSync(new URL(`../../../../docs/${path}`, import.meta.url), 'utf8');

describe('references', () => {
  it('[REF-1] the page of codes is the one made from the tables', () => {
    expect(page('reference/errors.md')).toBe(errorReference(MODULE_CONTRACTS));
  });

  it('[REF-1] the page of options is the one made from the schema', () => {
    expect(page('reference/configuration.md')).toBe(configurationReference());
  });

  it('[REF-3] every code says what it means and what to do, in the words of the specification', () => {
    const specification = page('spec/errors.md');
    for (const [table, helps] of [
      [ERROR_CODES, ERROR_HELP],
      [UNSUBSCRIBE_CODES, UNSUBSCRIBE_HELP],
      [CLOSE_CODES, CLOSE_HELP],
    ] as const) {
      expect(Object.keys(helps).sort()).toEqual(Object.keys(table).sort());
      for (const [name, { meaning, help }] of Object.entries(helps)) {
        expect(specification, name).toContain(`| ${meaning} |`);
        expect(help, name).toMatch(/^[A-Z].*[.]$/);
        expect(`${meaning}${help}`, name).not.toContain('|');
      }
    }
  });

  it('[KCON-5] what clusters fail with stands beside the module’s own codes, with what to do', () => {
    const rows = codeSections(MODULE_CONTRACTS).find(({ title }) => title === 'Errors of module kube')?.rows;
    expect(rows?.map(({ code }) => code)).toEqual([
      ...Object.values(KUBE_CODES).map(({ code }) => code),
      ...Object.values(KUBE_MODULE_CODES).map(({ code }) => code),
    ]);
    for (const { name, meaning, help } of rows ?? []) {
      expect(meaning, name).toMatch(/^[A-Z].*[.]$/);
      expect(help, name).toMatch(/^[A-Z].*[.]$/);
    }
  });

  it('[REF-3] codes of a module have a section of their own', () => {
    const module: Contract = {
      id: 'shop',
      rpc: {},
      channels: {},
      errors: {
        soldOut: {
          code: 1_900,
          message: 'sold out',
          retry: 'never',
          meaning: 'None is left.',
          help: 'Choose another.',
        },
      },
    };
    expect(codeSections([module]).map(({ title }) => title)).toEqual([
      'Errors',
      'Errors of module shop',
      'Unsubscribe codes',
      'Close codes',
    ]);
    expect(errorReference([module])).toContain(
      '| 1900 | `soldOut` | sold out | `never` | None is left. | Choose another. |',
    );
    for (const contract of MODULE_CONTRACTS)
      for (const [name, { meaning, help }] of Object.entries(contract.errors))
        expect(meaning && help, `${contract.id}.${name}`).toBeTruthy();
  });
});
