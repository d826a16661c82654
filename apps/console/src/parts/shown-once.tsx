/** What is shown once and kept nowhere: a key, the link of an invitation. It goes when the dialog is closed, and is never put into the address or storage. */
import { Button, Group, Text } from '@mantine/core';
import { TriangleAlert } from 'lucide-react';
import { Copy } from './copy.js';
import { useLast } from './last.js';
import { DialogSheet } from './sheet.js';

export interface Shown {
  readonly title: string;
  /** Beside the copy button: `the key`. */
  readonly what: string;
  readonly text: string;
  readonly note: string;
}

export function ShownOnce({
  shown,
  onClose,
}: {
  readonly shown: Shown | undefined;
  readonly onClose: () => void;
}) {
  // The text itself goes at once.
  const words = useLast(shown && { what: shown.what, note: shown.note });
  return (
    <DialogSheet title={shown?.title} width={520} onClose={onClose} keeps>
      <div className="tl-once">
        <code aria-label={words?.what}>{shown?.text}</code>
        <Copy text={() => shown?.text ?? ''} what={words?.what ?? ''} />
      </div>
      <div className="tl-alarm" role="note">
        <TriangleAlert size={18} aria-hidden="true" />
        <span>{words?.note}</span>
      </div>
      <Group justify="space-between" mt="lg">
        <Text size="sm" c="dimmed">
          Copied it?
        </Text>
        <Button onClick={onClose} data-autofocus>
          Done
        </Button>
      </Group>
    </DialogSheet>
  );
}
