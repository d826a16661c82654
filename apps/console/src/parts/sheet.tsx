/** Dialogs, and drawers from the side: one frame with a name and a way out. It is open while it has a title, and keeps the last one until it is gone. */
import { Drawer, Modal } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { useLast } from './last.js';

export interface SheetProps {
  /** Undefined: closed. */
  readonly title: ReactNode;
  /** CSS pixels. */
  readonly width: number;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** In the middle of the page. `keeps`: a press beside it does not close it. */
export function DialogSheet({
  title,
  width,
  onClose,
  keeps = false,
  children,
}: SheetProps & { readonly keeps?: boolean }) {
  return (
    <Modal.Root
      opened={title !== undefined}
      onClose={onClose}
      centered
      size={width}
      closeOnClickOutside={!keeps}
      classNames={{ content: 'tl-sheet' }}
    >
      <Modal.Overlay />
      <Modal.Content>
        <Head of={Modal} title={title} />
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

/** Beside the page; on narrow screens before all of it. */
export function SideSheet({ title, width, onClose, children }: SheetProps) {
  const narrow = useMediaQuery('(max-width: 48em)');
  return (
    <Drawer.Root
      opened={title !== undefined}
      onClose={onClose}
      position="right"
      size={narrow ? '100%' : width}
      padding="md"
      classNames={{ content: 'tl-sheet' }}
    >
      <Drawer.Overlay />
      <Drawer.Content>
        <Head of={Drawer} title={title} />
        <Drawer.Body>{children}</Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

/** A plain box, because a page has one banner only. */
function Head({
  of: Sheet,
  title,
}: {
  readonly of: typeof Drawer | typeof Modal;
  readonly title: ReactNode;
}) {
  return (
    <div className="tl-sheet-head">
      <Sheet.Title className="tl-sheet-title">{useLast(title)}</Sheet.Title>
      <Sheet.CloseButton aria-label="Close" />
    </div>
  );
}
