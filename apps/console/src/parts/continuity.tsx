/**
 * The continuity badge: whether what a screen shows is the present. It says `live` only while that is known, and otherwise since when it
 * is not and why. Screen readers hear a change of state, not every second of waiting.
 */
import { Tooltip, UnstyledButton } from '@mantine/core';
import { memo } from 'react';
import { formatDuration } from '../format.js';
import type { Continuity } from '../live.js';
import { useNow } from './now.js';

interface Words {
  readonly tone: 'live' | 'wait' | 'bad' | 'off';
  readonly label: string;
  readonly sinceMs?: number;
  readonly explanation: string;
}

export const ContinuityBadge = memo(function ContinuityBadge({
  continuity,
  source,
}: {
  readonly continuity: Continuity;
  readonly source: string;
}) {
  const { tone, label, sinceMs, explanation } = wordsOf(continuity, source);
  return (
    <Tooltip
      label={explanation}
      multiline
      maw={280}
      withArrow
      events={{ hover: true, focus: true, touch: true }}
    >
      <UnstyledButton
        className="tl-badge"
        data-tone={tone}
        aria-label={`Continuity: ${label}. ${explanation}`}
      >
        <span className="tl-dot" aria-hidden="true" />
        <span role="status">{label}</span>
        {sinceMs !== undefined && <Since sinceMs={sinceMs} />}
      </UnstyledButton>
    </Tooltip>
  );
});

function Since({ sinceMs }: { readonly sinceMs: number }) {
  const now = useNow();
  return (
    <span className="tl-num tl-since" aria-hidden="true">
      {formatDuration(now - sinceMs)}
    </span>
  );
}

function wordsOf(continuity: Continuity, source: string): Words {
  switch (continuity.state) {
    case 'off':
      return { tone: 'off', label: 'not subscribed', explanation: `Nothing is read from ${source}.` };
    case 'connecting':
      return {
        tone: 'wait',
        label: 'connecting',
        ...(continuity.sinceMs === undefined ? {} : { sinceMs: continuity.sinceMs }),
        explanation: `Waiting for the first answer of ${source}${because(continuity.reason ?? '')}`,
      };
    case 'live':
      return { tone: 'live', label: 'live', explanation: `Shown as it happens: ${source}.` };
    case 'recovering':
      return {
        tone: 'wait',
        label: 'recovering',
        sinceMs: continuity.sinceMs,
        explanation: `Catching up with ${source}${because(continuity.reason)}`,
      };
    case 'stale':
      return {
        tone: 'bad',
        label: 'stale for',
        sinceMs: continuity.sinceMs,
        explanation: `These are the last known values of ${source}${because(continuity.reason)}`,
      };
    case 'failed':
      return {
        tone: 'bad',
        label: 'failed',
        explanation: `${source} cannot be read${because(continuity.reason)}`,
      };
  }
}

function because(reason: string): string {
  return reason === '' ? '.' : `: ${reason}.`;
}
