import type { Change } from '@trunkline/kube-client';
import { describe, expect, it } from 'vitest';
import { Numbering, toNumber } from './numbering.js';

function change(sequence: number, version: string): Change {
  return { kind: 'modified', key: `k${sequence}`, object: undefined as never, version, sequence };
}

const shown = (numbering: Numbering, changes: readonly Change[]): string[] =>
  changes.map((one) => numbering.of(one));

describe('numbers of changes', () => {
  it('[KWIRE-4] a change keeps its version where that ascends, and gets the next free number where it does not', () => {
    const numbering = new Numbering(100);
    const changes = [change(1, '10'), change(2, '10'), change(3, '10'), change(4, '11'), change(5, '20')];
    numbering.take(changes, '9', '20', false);
    expect(shown(numbering, changes)).toEqual(['10', '11', '12', '13', '20']);
    // In the middle of a version there is some of the one before.
    expect(numbering.place('10')).toEqual({ sequence: 1, versions: ['9', '10'] });
    expect(numbering.place('11')).toEqual({ sequence: 2, versions: ['9', '10'] });
    expect(numbering.place('12')).toEqual({ sequence: 3, versions: ['10'] });
    expect(numbering.place('13')).toEqual({ sequence: 4, versions: ['11'] });
    expect(numbering.place('20')).toBeUndefined();
  });

  it('[KWIRE-4] whoever has half of a difference has some of both states', () => {
    const numbering = new Numbering(100);
    const changes = [change(7, '15'), change(8, '18'), change(9, '20')];
    numbering.take(changes, '10', '21', true);
    expect(shown(numbering, changes)).toEqual(['15', '18', '20']);
    expect(numbering.place('15')).toEqual({ sequence: 7, versions: ['10', '21'] });
    expect(numbering.place('18')).toEqual({ sequence: 8, versions: ['10', '21'] });
    expect(numbering.place('20')).toBeUndefined();
  });

  it('[KWIRE-4] a number with two meanings stands for both, and another reflector begins anew', () => {
    const numbering = new Numbering(100);
    numbering.remember(101, { sequence: 7, versions: ['100', '102'] });
    numbering.remember(101, { sequence: 5, versions: ['99', '100'] });
    expect(numbering.place('101')).toEqual({ sequence: 5, versions: ['100', '102', '99'] });
    numbering.beginAnew();
    expect(numbering.place('101')).toEqual({ versions: ['100', '102', '99'] });
    numbering.remember(101, { versions: ['1', '2', '3', '4'] });
    expect(numbering.place('101')).toEqual({ versions: [''] });
    numbering.take([change(1, '150'), change(2, '150')], '149', '150', false);
    numbering.beginAnew();
    expect(numbering.of(change(2, '150'))).toBe('150');
    // Numbers never go back, whatever the next one says.
    numbering.take([change(1, '30')], '29', '30', false);
    expect(numbering.of(change(1, '30'))).toBe('152');
  });

  it('[KWIRE-4] versions that are no numbers stay as they are', () => {
    const numbering = new Numbering(100);
    const changes = [change(1, 'a9'), change(2, 'a9')];
    numbering.take(changes, 'a8', 'a9', false);
    expect(shown(numbering, changes)).toEqual(['a9', 'a9']);
    expect([toNumber('9007199254740993'), toNumber('0'), toNumber('12')]).toEqual([undefined, undefined, 12]);
  });

  it('[KWIRE-4] the oldest numbers are forgotten first', () => {
    const numbering = new Numbering(2);
    for (const number of [1, 2, 3]) numbering.remember(number, { versions: ['0'] });
    expect([numbering.place('1'), numbering.place('2') !== undefined]).toEqual([undefined, true]);
  });
});
