/** What both overviews share: the span of the charts, what may be said of it, and the answer to whoever may not see the numbers. */
import { SegmentedControl } from '@mantine/core';
import type { Continuity } from '../live.js';
import { Failure } from '../parts/notices.js';
import type { Range } from '../samples.js';

export function Ranges({
  value,
  onChange,
}: {
  readonly value: Range;
  readonly onChange: (range: Range) => void;
}) {
  return (
    <SegmentedControl
      aria-label="Time that the charts span"
      value={value}
      onChange={(next) => onChange(next as Range)}
      data={[
        { value: '5min', label: '5 min' },
        { value: '1h', label: '1 hour' },
      ]}
    />
  );
}

/** The numbers are always the samples'; the hour is shown only as well as it is known. */
export function shownContinuity(range: Range, samples: Continuity, trend: Continuity): Continuity {
  return range === '1h' && samples.state === 'live' ? trend : samples;
}

export function sourceOf(range: Range, channel: string): string {
  return range === '1h' ? `${channel} and the hour that the node keeps` : channel;
}

export function Denied({ reason }: { readonly reason: string }) {
  return (
    <div className="tl-panel">
      <Failure
        title="The numbers cannot be read"
        reason={`The server answered: ${reason}. They are for administrators of an org and for operators of the node.`}
      />
    </div>
  );
}
