/** A conclusion with its reasons, and the form it is asked with inside a drawer. */
import { Text } from '@mantine/core';
import { CircleCheck, CircleX, Clock } from 'lucide-react';
import type { Diagnosis } from './diagnosis.js';

const ICONS = { good: CircleCheck, wait: Clock, bad: CircleX };

export function Verdict({ diagnosis: { tone, verdict, reasons } }: { readonly diagnosis: Diagnosis }) {
  const Icon = ICONS[tone];
  return (
    <div className="tl-verdict" data-tone={tone}>
      <Icon size={18} aria-hidden="true" />
      <div>
        <Text fw={600} size="sm">
          {verdict}
        </Text>
        <ul>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      </div>
    </div>
  );
}
