import { describe, expect, it } from 'vitest';
import { compileJsonPath } from './json-path.js';

const lamp = {
  spec: { watts: 40, 'a.b': 'dotted', list: [1, 2, 3] },
  status: {
    conditions: [
      { type: 'Ready', status: 'False' },
      { type: 'Lit', status: 'True' },
    ],
  },
};

describe('paths of printer columns', () => {
  it.each([
    ['.spec.watts', [40]],
    ['{.spec.watts}', [40]],
    ['$.spec.watts', [40]],
    [".spec['a.b']", ['dotted']],
    ['.spec.a\\.b', ['dotted']],
    ['.spec.list[0]', [1]],
    ['.spec.list[-1]', [3]],
    ['.spec.list[*]', [1, 2, 3]],
    ['.status.conditions[?(@.type=="Lit")].status', ['True']],
    [".status.conditions[?(@.type=='Ready')].status", ['False']],
    ['.status.conditions[?(@.type=="None")].status', []],
    ['.nothing.here', []],
  ])('[KSIM-25] %s', (path, expected) => {
    expect(compileJsonPath(path)(lamp)).toEqual(expected);
  });

  it.each(['.spec[', '.spec..watts', '.a[?(@.x>1)]', 'spec'])(
    '[KSIM-34] %s is not understood, and named',
    (path) => {
      expect(() => compileJsonPath(path)).toThrow(path);
    },
  );
});
