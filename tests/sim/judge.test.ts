/** The judge itself: what it must notice, and what it must not take for a loss. */
import { channelKey } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { StreamJudge } from './judge.js';
import { ChannelTruth } from './truth.js';

const payload = (n: number) => ({ org: 'acme', channel: 'log:1', n });
const at = (offset: number, epoch = 'e') => ({ epoch, offset });

interface Judged {
  readonly judge: StreamJudge;
  readonly problems: string[];
  /** Hands over what was published at that place. */
  given(offset: number, epoch?: string): void;
}

/** A reader that began at 0 of epoch `e`, in which 20 were published; `f` holds as many others. Even ones are red. */
function begun(filter = false): Judged {
  const truth = new ChannelTruth(channelKey('acme', 'log:1'));
  const held = (offset: number, epoch: string) => payload(offset + (epoch === 'e' ? 0 : 100));
  for (const epoch of ['f', 'e'])
    for (let offset = 1; offset <= 20; offset++)
      truth.record(
        {
          offset,
          data: JSON.stringify(held(offset, epoch)),
          tags: { shade: offset % 2 === 0 ? 'red' : 'blue' },
        },
        epoch,
        offset,
      );
  const problems: string[] = [];
  const judge = new StreamJudge('reader', truth, filter, (text) => problems.push(text));
  judge.begin(at(0));
  return {
    judge,
    problems,
    given: (offset, epoch = 'e') => judge.publication(held(offset, epoch), at(offset, epoch)),
  };
}

describe('the judge of a reader', () => {
  it('[SIM-5] a hole is a loss unless it was told', () => {
    const { judge, problems, given } = begun();
    for (const offset of [1, 2, 5]) given(offset);
    expect(problems).toEqual(['reader acme/log:1: 5 came after 2; 3 is missing and was not told']);
    problems.length = 0;
    judge.gap(6, 7);
    given(8);
    expect(problems).toEqual([]);
    judge.gap(9, 10);
    given(12);
    expect(problems).toEqual(['reader acme/log:1: 12 came after 8; 11 is missing and was not told']);
  });

  // Seed 486714390: after a reset that the application answered late, a gap was told while the publications before it were still held back.
  it('[SIM-5] what is told while publications are held back after a reset explains what comes behind them', () => {
    const { judge, problems, given } = begun();
    for (const offset of [1, 2]) given(offset);
    judge.reset();
    judge.gap(8, 15);
    for (const offset of [5, 6, 7, 16]) given(offset, 'f');
    expect(problems).toEqual([]);
    given(18, 'f');
    expect(problems).toEqual(['reader acme/log:1: 18 came after 16; 17 is missing and was not told']);
  });

  it('[SIM-5] a reset explains one jump, into another epoch too; a claimed position counts like a publication', () => {
    const { judge, problems, given } = begun();
    given(1);
    judge.reset();
    expect(judge.at).toBeUndefined();
    given(9, 'f');
    judge.claim(at(9, 'f'));
    expect(problems).toEqual([]);
    judge.claim(at(11, 'f'));
    judge.claim(at(12));
    expect(problems).toEqual([
      'reader acme/log:1: claims 11 after 9; 10 is missing and was not told',
      'reader acme/log:1: claims epoch e although it was never told that f ended',
    ]);
  });

  it('[SIM-6] repeats, steps back, other epochs and what was never published there are told apart', () => {
    const { judge, problems, given } = begun();
    for (const offset of [1, 2, 2, 1]) given(offset);
    given(3, 'f');
    judge.publication(payload(17), at(4, 'f'));
    expect(problems).toEqual([
      'reader acme/log:1: 2 came twice',
      'reader acme/log:1: 1 came after 2',
      'reader acme/log:1: 3 of epoch f came although it was never told that e ended',
      `reader acme/log:1: 4 of f was never ${JSON.stringify(payload(17))}`,
    ]);
  });

  it('[SIM-8] what belongs to others is seen by its content', () => {
    const { judge, problems } = begun();
    judge.publication({ ...payload(1), org: 'bolt' }, at(1));
    expect(problems).toEqual(['reader acme/log:1: was given what belongs to bolt/log:1']);
  });

  it('[SIM-5] a filter explains what it refuses and nothing else', () => {
    const { problems, given } = begun(true);
    given(2);
    given(4);
    expect(problems).toEqual([]);
    given(8);
    given(9);
    expect(problems).toEqual([
      'reader acme/log:1: 8 came after 4; 6 is missing and was not told',
      'reader acme/log:1: was given 9, which its filter refuses',
    ]);
  });

  it('[SIM-5] a reader is behind since the first publication that it neither has nor was told of', () => {
    const { judge, given } = begun();
    for (const offset of [1, 2, 3]) given(offset);
    expect(judge.behindSince(at(3))).toBeUndefined();
    expect(judge.behindSince(at(20))).toBe(4);
    judge.gap(4, 19);
    expect(judge.behindSince(at(20))).toBe(20);
  });
});
