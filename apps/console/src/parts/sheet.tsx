/** The head of a drawer or dialog: its name and the way out. A plain box, because a page has one banner only. */
import { Drawer, Modal } from '@mantine/core';
import type { ReactNode } from 'react';

export function SheetHead({ of, title }: { readonly of: 'drawer' | 'modal'; readonly title: ReactNode }) {
  const Sheet = of === 'drawer' ? Drawer : Modal;
  return (
    <div className="tl-sheet-head">
      <Sheet.Title className="tl-sheet-title">{title}</Sheet.Title>
      <Sheet.CloseButton aria-label="Close" />
    </div>
  );
}
