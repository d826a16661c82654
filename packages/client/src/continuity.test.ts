import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { continuityOf, sameContinuity, type Surroundings } from './continuity-view.js';
import {
  MAX_JUMPS,
  MAX_REPORTED,
  openTrack,
  step,
  type Effect,
  type Track,
  type TrackEvent,
  type TrackOptions,
} from './continuity.js';

const PLAIN: TrackOptions = { filtered: false, unexplained: false, cache: false };
const LIVE = { state: 'live' } as const;

type Subscribed = TrackEvent & { kind: 'subscribed' };

function subscribed(offset: number, given: Partial<Subscribed> = {}): Subscribed {
  return {
    kind: 'subscribed',
    position: { epoch: 'e', offset },
    recoverable: true,
    wasRecovering: false,
    recovered: false,
    hasPublications: false,
    outcome: 'recover',
    source: LIVE,
    unexplained: false,
    ...given,
  };
}
const lost: TrackEvent = { kind: 'subscribing', nowMs: 50, reason: 'transport closed', invalidated: false };
const recovered = (offset: number, given: Partial<Subscribed> = {}): Subscribed =>
  subscribed(offset, { wasRecovering: true, recovered: true, hasPublications: true, ...given });
const unrecovered = (offset: number, given: Partial<Subscribed> = {}): Subscribed =>
  subscribed(offset, { wasRecovering: true, ...given });
const pub = (offset: number): TrackEvent => ({ kind: 'publication', offset, nowMs: 60 });
const gap = (
  from: number,
  to: number,
  reason: 'overflow' | 'conflated' | 'filtered',
  epoch = 'e',
): TrackEvent => ({ kind: 'gap', nowMs: 70, epoch, from, to, reason });

function run(
  events: readonly TrackEvent[],
  options: TrackOptions = PLAIN,
  since?: { epoch: string; offset: number },
): { track: Track; effects: Effect[] } {
  let track = openTrack(10, options, since);
  const effects: Effect[] = [];
  for (const event of events) {
    const next = step(track, event);
    track = next.track;
    effects.push(...next.effects);
  }
  return { track, effects };
}
/** Only the effects of the last event. */
function last(
  events: readonly TrackEvent[],
  options?: TrackOptions,
  since?: { epoch: string; offset: number },
): readonly Effect[] {
  const { track } = run(events.slice(0, -1), options, since);
  return step(track, events.at(-1) as TrackEvent).effects;
}
const DELIVER: Effect = { kind: 'deliver' };
const missing = (from: number, to: number): { epoch: string; from: number; to: number } => ({
  epoch: 'e',
  from,
  to,
});

describe('continuity: subscribing', () => {
  it('[CLIENT-2] a top behind what is held is a reset, also where the server says recovered: offsets are given again', () => {
    const { effects, track } = run([
      subscribed(3),
      gap(4, 9, 'filtered'),
      lost,
      recovered(6),
      pub(5),
      pub(6),
      pub(7),
    ]);
    expect(effects).toEqual([{ kind: 'reset', reason: 'unrecoverable' }, DELIVER]);
    expect(track.position).toEqual({ epoch: 'e', offset: 7 });
  });

  it.each([
    ['that went back', recovered(5), 'unrecoverable'],
    ['of another epoch', recovered(5, { position: { epoch: 'f', offset: 5 } }), 'epoch'],
  ] as const)('[CLIENT-2] a cache %s is a reset, and its newest publication follows', (_, again, reason) => {
    const cache = { ...PLAIN, cache: true };
    expect(last([subscribed(7), lost, again], cache)).toMatchObject([{ kind: 'reset', reason }]);
    expect(last([subscribed(7), lost, again, pub(5)], cache)).toEqual([DELIVER]);
    expect(run([subscribed(7), lost, again, pub(5)], cache).track.position?.offset).toBe(5);
  });

  it('[CLIENT-1] a first subscribe has missed nothing, wherever the channel stands', () => {
    expect(run([subscribed(7), pub(8)]).effects).toEqual([DELIVER]);
    expect(run([subscribed(7)]).track.position).toEqual({ epoch: 'e', offset: 7 });
  });

  it('[CLIENT-1] a recovered resubscribe goes on from the last offset without a reset', () => {
    const { effects, track } = run([subscribed(7), pub(8), lost, recovered(10), pub(9), pub(10), pub(11)]);
    expect(effects).toEqual([DELIVER, DELIVER, DELIVER, DELIVER]);
    expect(track.position).toEqual({ epoch: 'e', offset: 11 });
  });

  it('[CLIENT-1] an unrecovered resubscribe is a reset with the missing range, before anything that follows', () => {
    expect(run([subscribed(7), lost, unrecovered(10), pub(11)]).effects).toEqual([
      { kind: 'reset', reason: 'unrecoverable', missing: missing(8, 10) },
      DELIVER,
    ]);
  });

  it.each([
    ['a new epoch', unrecovered(3, { position: { epoch: 'f', offset: 3 } }), { reason: 'epoch' }],
    ['a history that went back', unrecovered(3), { reason: 'unrecoverable' }],
    [
      'a channel that lost its positions',
      unrecovered(0, { position: undefined }),
      { reason: 'unpositioned' },
    ],
    [
      'a server that recovers another epoch',
      recovered(8, { position: { epoch: 'f', offset: 8 } }),
      { reason: 'epoch' },
    ],
  ])('[CLIENT-2] %s is a reset without a range', (_, event, expected) => {
    expect(last([subscribed(7), lost, event])).toEqual([{ kind: 'reset', ...expected }]);
  });

  it('[CLIENT-2] a channel without positions resets on every resubscribe', () => {
    const nowhere = subscribed(0, { position: undefined, recoverable: false });
    expect(run([nowhere, pub(0), lost, nowhere, pub(0)]).effects).toEqual([
      DELIVER,
      { kind: 'reset', reason: 'unpositioned' },
      DELIVER,
    ]);
  });

  it('[CLIENT-2] where recovery was not asked for, an unmoved position proves that nothing was missed', () => {
    expect(last([subscribed(7, { recoverable: false }), lost, subscribed(7)])).toEqual([]);
    expect(last([subscribed(7, { recoverable: false }), lost, subscribed(8)])).toEqual([
      { kind: 'reset', reason: 'unrecoverable', missing: missing(8, 8) },
    ]);
  });

  it('[CLIENT-2] voided state is a reset even at the same position', () => {
    const voided: TrackEvent = {
      kind: 'subscribing',
      nowMs: 50,
      reason: 'state invalidated',
      invalidated: true,
    };
    expect(last([subscribed(7), voided, recovered(7)])).toEqual([{ kind: 'reset', reason: 'invalidated' }]);
    expect(last([subscribed(7), voided, subscribed(7)])).toEqual([{ kind: 'reset', reason: 'invalidated' }]);
    expect(last([subscribed(7), voided, subscribed(7), lost, recovered(7)])).toEqual([]);
  });

  it('[CLIENT-3] with `since`, the first subscribe must recover', () => {
    const since = { epoch: 'e', offset: 4 };
    expect(run([recovered(6), pub(5), pub(6)], PLAIN, since).effects).toEqual([DELIVER, DELIVER]);
    expect(run([unrecovered(6)], PLAIN, since).effects).toEqual([
      { kind: 'reset', reason: 'unrecoverable', missing: missing(5, 6) },
    ]);
  });

  it('[CLIENT-3] an empty epoch at offset 0 takes whatever epoch is there', () => {
    const { track, effects } = run([recovered(2), pub(1), pub(2)], PLAIN, { epoch: '', offset: 0 });
    expect(effects).toEqual([DELIVER, DELIVER]);
    expect(track.position).toEqual({ epoch: 'e', offset: 2 });
  });

  it('[CLIENT-1] a loss keeps the moment it began, and a failed first subscribe stays fresh', () => {
    expect(run([subscribed(1), lost, { ...lost, nowMs: 99 }]).track.phase).toEqual({
      kind: 'lost',
      sinceMs: 50,
      reason: 'transport closed',
    });
    expect(
      run([{ kind: 'ended', code: 103, reason: 'permission denied' }, lost, subscribed(4)]).effects,
    ).toEqual([]);
  });
});

describe('continuity: publications', () => {
  it('[CLIENT-1] duplicates are dropped', () => {
    expect(run([subscribed(7), pub(7), pub(8), pub(8), pub(3)]).effects).toEqual([DELIVER]);
  });

  it('[CLIENT-1] what arrives while not subscribed is dropped', () => {
    expect(run([pub(1), subscribed(7), lost, pub(8)]).effects).toEqual([]);
  });

  it('[CLIENT-1] unnumbered publications pass and move nothing', () => {
    const { effects, track } = run([subscribed(7), pub(0), pub(8)]);
    expect(effects).toEqual([DELIVER, DELIVER]);
    expect(track.position?.offset).toBe(8);
  });

  it('[CLIENT-4] a jump is not handed over: the subscription is taken again from the last good position', () => {
    const { effects, track } = run([subscribed(7), pub(9)]);
    expect(effects).toEqual([{ kind: 'resubscribe' }]);
    expect(track.position).toEqual({ epoch: 'e', offset: 7 });
    expect(track.phase).toEqual({ kind: 'lost', sinceMs: 60, reason: 'gap' });
    expect(run([subscribed(7), pub(9), recovered(9), pub(8), pub(9)]).effects).toEqual([
      { kind: 'resubscribe' },
      DELIVER,
      DELIVER,
    ]);
  });

  it('[CLIENT-4] a jump that recovery does not mend is reported after a bounded number of tries, then handed over', () => {
    const tries = Array.from({ length: MAX_JUMPS - 1 }, () => [recovered(9), pub(9)]).flat();
    const { effects } = run([subscribed(7), pub(9), ...tries, recovered(9), pub(9), pub(10)]);
    expect(effects).toEqual([
      ...Array.from({ length: MAX_JUMPS }, () => ({ kind: 'resubscribe' })),
      { kind: 'reset', reason: 'jump', missing: missing(8, 8) },
      DELIVER,
      DELIVER,
    ]);
  });

  it('[CLIENT-4] where nothing can be recovered a jump is reported at once', () => {
    expect(last([subscribed(7, { recoverable: false }), pub(10)])).toEqual([
      { kind: 'reset', reason: 'jump', missing: missing(8, 9) },
      DELIVER,
    ]);
  });

  it('[CLIENT-4] numbers are checked even where the subscribe reply gave no position', () => {
    const { effects } = run([
      subscribed(0, { position: undefined, recoverable: false }),
      pub(5),
      pub(6),
      pub(8),
    ]);
    expect(effects).toEqual([
      DELIVER,
      DELIVER,
      { kind: 'reset', reason: 'jump', missing: { epoch: '', from: 7, to: 7 } },
      DELIVER,
    ]);
  });
});

describe('continuity: filters and cache recovery', () => {
  const filtered: TrackOptions = { ...PLAIN, filtered: true };

  it('[CLIENT-4] holes in what was recovered through a filter are no loss, also between its last item and its end', () => {
    expect(run([subscribed(2), lost, recovered(9), pub(4), pub(7), pub(10)], filtered).effects).toEqual([
      DELIVER,
      DELIVER,
      DELIVER,
    ]);
  });

  it('[CLIENT-4] behind the recovered end, the server explains what it filtered, and the rest is a loss', () => {
    expect(
      run([subscribed(2), lost, recovered(9), pub(4), gap(10, 11, 'filtered'), pub(12)], filtered).effects,
    ).toEqual([DELIVER, DELIVER]);
    expect(last([subscribed(2), lost, recovered(9), pub(4), pub(12)], filtered)).toEqual([
      { kind: 'resubscribe' },
    ]);
  });

  it('[CLIENT-4] a server that does not explain filtered offsets is trusted', () => {
    expect(run([subscribed(2, { unexplained: true }), pub(5), pub(9)], filtered).effects).toEqual([
      DELIVER,
      DELIVER,
    ]);
  });

  it('[CLIENT-4] cache recovery reports what it skipped as a gap, not as a reset', () => {
    const cache: TrackOptions = { ...PLAIN, cache: true };
    expect(run([subscribed(2), lost, recovered(9), pub(9), pub(10)], cache).effects).toEqual([
      { kind: 'gap', missing: missing(3, 8) },
      DELIVER,
      DELIVER,
    ]);
    expect(last([subscribed(2), lost, recovered(9), pub(9), pub(12)], cache)).toEqual([
      { kind: 'resubscribe' },
    ]);
    expect(last([subscribed(2), lost, recovered(2, { hasPublications: false }), pub(9)], cache)).toEqual([
      { kind: 'resubscribe' },
    ]);
    // Stock servers answer a recovery with the position it began at.
    expect(run([subscribed(2), lost, recovered(2), pub(9), pub(10)], cache).effects).toEqual([
      { kind: 'gap', missing: missing(3, 8) },
      DELIVER,
      DELIVER,
    ]);
  });
});

describe('continuity: gap reports', () => {
  it.each([
    ['overflow', 'recover', [{ kind: 'reset', reason: 'overflow', missing: missing(8, 9) }]],
    ['overflow', 'gap', [{ kind: 'reset', reason: 'overflow', missing: missing(8, 9) }]],
    ['conflated', 'gap', [{ kind: 'reset', reason: 'conflated', missing: missing(8, 9) }]],
    ['conflated', 'latest', [{ kind: 'gap', missing: missing(8, 9) }]],
    ['filtered', 'recover', []],
  ] as const)('[CLIENT-4] %s on a channel with outcome %s', (reason, outcome, expected) => {
    const events = [subscribed(7, { outcome }), gap(8, 9, reason), pub(10)];
    expect(run(events).effects).toEqual([...expected, DELIVER]);
  });

  it('[CLIENT-4] a report that was overtaken, or is of another epoch, says nothing', () => {
    expect(run([subscribed(7), gap(5, 7, 'overflow'), gap(8, 9, 'overflow', 'old')]).effects).toEqual([]);
    expect(run([subscribed(7), gap(6, 9, 'overflow')]).effects).toEqual([
      { kind: 'reset', reason: 'overflow', missing: missing(8, 9) },
    ]);
  });

  it('[CLIENT-4] a hole before the reported range is a jump', () => {
    expect(run([subscribed(7), gap(9, 10, 'filtered')]).effects).toEqual([{ kind: 'resubscribe' }]);
    expect(run([subscribed(7, { recoverable: false }), gap(9, 10, 'overflow'), pub(11)]).effects).toEqual([
      { kind: 'reset', reason: 'jump', missing: missing(8, 8) },
      { kind: 'reset', reason: 'overflow', missing: missing(9, 10) },
      DELIVER,
    ]);
  });

  it('[CLIENT-4] reports before the subscribe reply explain holes in what it recovers', () => {
    expect(
      run([subscribed(2), lost, gap(4, 5, 'filtered'), gap(6, 6, 'overflow'), recovered(7), pub(3), pub(7)])
        .effects,
    ).toEqual([DELIVER, { kind: 'reset', reason: 'overflow', missing: missing(6, 6) }, DELIVER]);
  });

  it('[CLIENT-13] remembered reports are bounded', () => {
    const reports = Array.from({ length: MAX_REPORTED + 10 }, (_, index) =>
      gap(index + 1, index + 1, 'filtered'),
    );
    expect(run([subscribed(0), lost, ...reports]).track.reported).toHaveLength(MAX_REPORTED);
  });
});

describe('continuity: what is shown', () => {
  const calm: Surroundings = {
    reset: undefined,
    loadingSinceMs: undefined,
    stale: false,
    connection: { kind: 'open' },
  };
  const live = run([subscribed(1)]).track;
  const away = run([subscribed(1), lost]).track;
  const troubled = step(live, {
    kind: 'source',
    source: { state: 'recovering', sinceMs: 5, reason: 'watch lost' },
  }).track;
  const mute = step(live, { kind: 'source', source: { state: 'failed', sinceMs: 5, reason: '' } }).track;
  const ended = step(live, { kind: 'ended', code: 103, reason: 'permission denied' }).track;
  const reset = { reason: 'epoch' } as const;

  it.each<[string, Track, Partial<Surroundings>, object]>([
    ['opening', openTrack(10, PLAIN), {}, { kind: 'recovering', sinceMs: 10 }],
    [
      'opening for long',
      openTrack(10, PLAIN),
      { stale: true },
      { kind: 'stale', sinceMs: 10, reason: 'not subscribed yet' },
    ],
    ['subscribed', live, {}, { kind: 'live' }],
    ['loading', live, { loadingSinceMs: 20 }, { kind: 'recovering', sinceMs: 20 }],
    ['reset', live, { reset, loadingSinceMs: 20 }, { kind: 'reset', reason: 'epoch' }],
    ['lost', away, { reset }, { kind: 'recovering', sinceMs: 50 }],
    ['lost for long', away, { stale: true }, { kind: 'stale', sinceMs: 50, reason: 'transport closed' }],
    ['source recovering', troubled, {}, { kind: 'stale', sinceMs: 5, reason: 'watch lost' }],
    ['source failed', mute, {}, { kind: 'stale', sinceMs: 5, reason: 'source failed' }],
    ['source recovering after a reset', troubled, { reset }, { kind: 'reset', reason: 'epoch' }],
    [
      'closed by the application',
      away,
      { connection: { kind: 'closed', sinceMs: 55 } },
      { kind: 'stale', sinceMs: 50, reason: 'disconnected' },
    ],
    [
      'closed before it ever was',
      openTrack(10, PLAIN),
      { connection: { kind: 'closed', sinceMs: 55 } },
      { kind: 'stale', sinceMs: 55, reason: 'disconnected' },
    ],
    [
      'connection given up',
      away,
      { connection: { kind: 'failed', code: 4, reason: 'gave up' } },
      { kind: 'failed', code: 4, reason: 'gave up' },
    ],
    [
      'refused',
      ended,
      { connection: { kind: 'failed', code: 4, reason: 'gave up' } },
      { kind: 'failed', code: 103, reason: 'permission denied' },
    ],
  ])('[CLIENT-6] %s', (_, track, given, expected) => {
    expect(continuityOf(track, { ...calm, ...given })).toEqual(expected);
  });

  it('[CLIENT-6] live again once the source flows', () => {
    expect(continuityOf(step(troubled, { kind: 'source', source: LIVE }).track, calm)).toEqual({
      kind: 'live',
    });
  });

  it('[CLIENT-6] equal values are the same value', () => {
    expect(
      sameContinuity(
        { kind: 'reset', reason: 'jump', missing: missing(1, 2) },
        { kind: 'reset', reason: 'jump', missing: missing(1, 2) },
      ),
    ).toBe(true);
    expect(
      sameContinuity(
        { kind: 'reset', reason: 'jump', missing: missing(1, 2) },
        { kind: 'reset', reason: 'jump', missing: missing(1, 3) },
      ),
    ).toBe(false);
    expect(
      sameContinuity({ kind: 'stale', sinceMs: 1, reason: 'a' }, { kind: 'stale', sinceMs: 1, reason: 'b' }),
    ).toBe(false);
  });
});

describe('continuity: properties', () => {
  /** Anything may happen to a reader; `honest` servers tell the truth about recovery. */
  const anything = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constant('publish' as const), lose: fc.boolean() }) },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant('gap' as const),
          length: fc.integer({ min: 1, max: 4 }),
          reason: fc.constantFrom('overflow' as const, 'conflated' as const, 'filtered' as const),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('return' as const), deny: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('epoch' as const) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('duplicate' as const), back: fc.integer({ min: 0, max: 5 }) }),
      },
    ),
    { maxLength: 60 },
  );

  it('[CLIENT-1] whatever happens, a handler never crosses a jump that was not reported', () => {
    fc.assert(
      fc.property(
        anything,
        fc.constantFrom('recover' as const, 'latest' as const, 'gap' as const),
        fc.boolean(),
        (script, outcome, recoverable) => {
          let epoch = 0;
          let top = 0;
          let on = false;
          let track = openTrack(0, PLAIN);
          let handled: { epoch: number; offset: number } | undefined;
          let reported = false;
          const explained = new Set<string>();
          const feed = (event: TrackEvent): void => {
            const result = step(track, event);
            track = result.track;
            for (const effect of result.effects) {
              if (effect.kind === 'reset' || effect.kind === 'gap') reported = true;
              else if (effect.kind === 'resubscribe') {
                on = false;
                expect(track.phase.kind).toBe('lost');
              } else if (event.kind === 'publication') {
                const { offset } = event;
                if (handled !== undefined && !reported) {
                  expect(handled.epoch).toBe(epoch);
                  expect(offset).toBeGreaterThan(handled.offset);
                  for (let hole = handled.offset + 1; hole < offset; hole++)
                    expect(explained.has(`${epoch}/${hole}`)).toBe(true);
                }
                handled = { epoch, offset };
                reported = false;
              }
            }
          };
          const back = (deny: boolean): void => {
            if (on) return;
            on = true;
            const held = track.position;
            const asks = recoverable && !track.fresh;
            const can = asks && !deny && held?.epoch === `e${epoch}` && held.offset <= top;
            const from = held?.offset ?? 0;
            feed({
              kind: 'subscribed',
              position: { epoch: `e${epoch}`, offset: top },
              recoverable,
              wasRecovering: asks,
              recovered: can,
              hasPublications: can && from < top,
              outcome,
              source: LIVE,
              unexplained: false,
            });
            if (can)
              for (let offset = from + 1; offset <= top && on; offset++)
                feed({ kind: 'publication', offset, nowMs: 0 });
          };
          back(false);
          for (const action of script) {
            if (action.do === 'publish') {
              top++;
              if (on && !action.lose) feed({ kind: 'publication', offset: top, nowMs: 0 });
            } else if (action.do === 'gap') {
              const from = top + 1;
              top += action.length;
              if (action.reason === 'filtered')
                for (let offset = from; offset <= top; offset++) explained.add(`${epoch}/${offset}`);
              if (on)
                feed({ kind: 'gap', nowMs: 0, epoch: `e${epoch}`, from, to: top, reason: action.reason });
            } else if (action.do === 'drop') {
              on = false;
              feed({ kind: 'subscribing', nowMs: 0, reason: 'transport closed', invalidated: false });
            } else if (action.do === 'return') back(action.deny);
            else if (action.do === 'epoch') {
              epoch++;
              top = 0;
              on = false;
              feed({ kind: 'subscribing', nowMs: 0, reason: 'insufficient state', invalidated: false });
            } else if (on && top > 0)
              feed({ kind: 'publication', offset: Math.max(1, top - action.back), nowMs: 0 });
            // While subscribed, the position is never ahead of what was published.
            if (on && track.position) expect(track.position.offset).toBeLessThanOrEqual(top);
          }
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('[CLIENT-1] after a loss, an honest recovery hands over every publication once, in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('publish', 'lose', 'drop', 'return'), { maxLength: 60 }),
        (script) => {
          let top = 0;
          let on = false;
          let track = openTrack(0, PLAIN);
          const handled: number[] = [];
          const resets: Effect[] = [];
          const feed = (event: TrackEvent): void => {
            const result = step(track, event);
            track = result.track;
            for (const effect of result.effects) {
              if (effect.kind === 'deliver' && event.kind === 'publication') handled.push(event.offset);
              else if (effect.kind === 'resubscribe') on = false;
              else resets.push(effect);
            }
          };
          const back = (): void => {
            if (on) return;
            on = true;
            const from = track.position?.offset ?? 0;
            feed(track.fresh ? subscribed(top) : recovered(top));
            for (let offset = from + 1; offset <= top && !track.fresh; offset++) feed(pub(offset));
          };
          back();
          for (const action of script) {
            if (action === 'publish' || action === 'lose') top++;
            if (action === 'publish' && on) feed(pub(top));
            if (action === 'drop') {
              on = false;
              feed(lost);
            }
            if (action === 'return') back();
          }
          back();
          top++;
          feed(pub(top));
          back();
          expect(resets).toEqual([]);
          expect(handled).toEqual(Array.from({ length: top }, (_, index) => index + 1));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
