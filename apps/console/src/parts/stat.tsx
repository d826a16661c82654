/** One number with its name and a note; its place is kept while nothing is known, and the box does not move with the digits. */
import { Skeleton } from '@mantine/core';
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';

export function Stat({
  icon: Icon,
  label,
  value,
  note,
}: {
  readonly icon: LucideIcon;
  readonly label: string;
  readonly value: string | undefined;
  readonly note: ReactNode;
}) {
  return (
    <div className="tl-panel tl-stat">
      <span className="tl-stat-label">
        <Icon size={15} strokeWidth={1.9} aria-hidden="true" />
        {label}
      </span>
      {value === undefined ? (
        <Skeleton height={26} width="60%" my={4} radius="sm" />
      ) : (
        <span className="tl-stat-value tl-num">{value}</span>
      )}
      {value === undefined ? (
        <Skeleton height={12} width="80%" mt={2} mb={3} radius="sm" />
      ) : (
        <span className="tl-stat-note tl-num">{note}</span>
      )}
    </div>
  );
}
