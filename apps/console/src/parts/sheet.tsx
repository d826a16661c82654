/** The head of a drawer or dialog: its name and the way out. A plain box, because a page has one banner only. */
import { Drawer, Modal } from '@mantine/core';
import type { ReactNode } from 'react';
import { useLast } from './last.js';

export function SheetHead({
  of,
  title: given,
}: {
  readonly of: 'drawer' | 'modal';
  /** Undefined: it is closing, and keeps its name until it is gone. */
  readonly title: ReactNode;
}) {
  const title = useLast(given);
  const Sheet = of === 'drawer' ? Drawer : Modal;
  return (
    <div className="tl-sheet-head">
      <Sheet.Title className="tl-sheet-title">{title}</Sheet.Title>
      <Sheet.CloseButton aria-label="Close" />
    </div>
  );
}
