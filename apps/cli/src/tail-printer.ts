/**
 * What `tail` prints. For people: publications on standard output, one line each; everything about continuity on standard error, losses
 * in capitals. For scripts: every event as one JSON object per line on standard output, in order. Publications follow each other
 * without a hole, or a line in between says that there is one.
 */
import type { Clock } from '@trunkline/base';
import { formatPosition } from './arguments.js';
import { oneLine, plural, timeOfDay } from './format.js';
import type { Paint } from './io.js';
import type { LiveHandlers, LivePublication, LiveState, Missing } from './live.js';

export interface TailOutput {
  out(text: string): void;
  err(text: string): void;
  readonly paint: Paint;
  readonly clock: Clock;
}

export interface TailOptions {
  readonly json: boolean;
  /** Names the channel on every line; set where several are followed. */
  readonly withChannel: boolean;
}

export interface TailPrinter extends LiveHandlers {
  /** Retained publications that came before the subscription. */
  history(publications: readonly LivePublication[], epoch: string): void;
}

export function createTailPrinter(channel: string, output: TailOutput, options: TailOptions): TailPrinter {
  const { paint, clock } = output;
  let shown: string | undefined;
  /** Last offset printed, with its epoch: what a later `--since` would name. */
  let last: { readonly offset: number; readonly epoch: string } | undefined;

  const json = (event: object): void =>
    output.out(`${JSON.stringify({ ...event, channel, timeMs: clock.now() })}\n`);
  const note = (text: string): void => output.err(`${timeOfDay(clock.now())}  ${text}\n`);
  const loud = (text: string): void => note(paint.bold(paint.red(text)));

  const publication = (item: LivePublication, epoch: string): void => {
    if (item.offset > 0) last = { offset: item.offset, epoch };
    if (options.json) return json({ type: 'publication', ...item, ...(item.offset > 0 ? { epoch } : {}) });
    const cells = [paint.dim(timeOfDay(clock.now()))];
    if (options.withChannel) cells.push(paint.cyan(oneLine(channel)));
    cells.push(paint.yellow((item.offset > 0 ? String(item.offset) : '-').padStart(6)));
    if (item.key !== undefined) cells.push(paint.magenta(oneLine(item.key)));
    cells.push(item.removed === true ? paint.dim('(removed)') : oneLine(JSON.stringify(item.data) ?? 'null'));
    if (item.tags !== undefined && Object.keys(item.tags).length > 0)
      cells.push(
        paint.dim(
          oneLine(
            Object.entries(item.tags)
              .map(([name, value]) => `${name}=${value}`)
              .join(' '),
          ),
        ),
      );
    output.out(`${cells.join('  ')}\n`);
  };

  return {
    history: (publications, epoch) => {
      for (const item of publications) publication(item, epoch);
    },
    publication: (item, epoch) => publication(item, epoch),
    snapshot: (entries) => {
      if (options.json) return json({ type: 'snapshot', entries });
      note(`${channel}: the map has ${plural(entries.length, 'key')}`);
      for (const item of entries) publication(item, '');
    },
    state: (state: LiveState) => {
      const text = `${state.kind}${state.reason === undefined || state.reason === '' ? '' : ` (${state.reason})`}`;
      // A repeated state with the same reason says nothing new; a reset is announced by `reset` below.
      if (text === shown || state.kind === 'reset') return;
      shown = text;
      if (options.json) return json({ type: 'state', state: state.kind, reason: state.reason || undefined });
      const colour = {
        live: paint.green,
        recovering: paint.yellow,
        stale: paint.yellow,
        failed: paint.red,
        reset: paint.red,
      }[state.kind];
      note(
        `${channel}: ${colour(text)}${state.kind === 'recovering' && last !== undefined ? ` after ${formatPosition(last)}` : ''}`,
      );
    },
    gap: (missing: Missing) => {
      if (options.json) json({ type: 'gap', ...missing });
      loud(`${channel}: GAP, ${range(missing)} will not come`);
    },
    reset: (reason, missing) => {
      shown = undefined;
      if (options.json) json({ type: 'reset', reason, missing });
      loud(
        `${channel}: RESET (${reason})${missing === undefined ? ', publications may be missing' : `, ${range(missing)} will not come`}; what follows begins anew`,
      );
    },
  };
}

function range({ from, to }: Missing): string {
  return from === to
    ? `offset ${from}`
    : `offsets ${from} to ${to} (${plural(to - from + 1, 'publication')})`;
}
