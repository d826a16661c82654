/** Asks before something is ended, does it, and says how that went. */
import { Button, Group, Modal, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import type { Params } from '../asked.js';
import { useCall } from '../live.js';
import { SheetHead } from './sheet.js';

interface Words {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly danger: boolean;
  readonly done: string;
}

export type Question = Words &
  (
    | { readonly method: 'node.disconnect'; readonly params: Params<'node.disconnect'> }
    | { readonly method: 'node.unsubscribe'; readonly params: Params<'node.unsubscribe'> }
  );

export function Confirm({
  question,
  onClose,
  onDone,
}: {
  readonly question: Question | undefined;
  readonly onClose: () => void;
  readonly onDone: () => void;
}) {
  const call = useCall();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string>();
  const close = (): void => {
    setFault(undefined);
    onClose();
  };
  const run = async (asked: Question): Promise<void> => {
    setBusy(true);
    try {
      const { count } =
        asked.method === 'node.disconnect'
          ? await call(asked.method, asked.params)
          : await call(asked.method, asked.params);
      notifications.show({
        message: count > 0 ? asked.done : 'Nothing to end: it was gone already.',
        color: 'jade',
        autoClose: 3_000,
      });
      close();
      onDone();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal.Root opened={question !== undefined} onClose={close} centered classNames={{ content: 'tl-sheet' }}>
      <Modal.Overlay />
      <Modal.Content>
        <SheetHead of="modal" title={question?.title} />
        <Modal.Body>
          <Text size="sm">{question?.text}</Text>
          {fault !== undefined && (
            <p className="tl-fault" role="alert">
              {fault}
            </p>
          )}
          <Group justify="flex-end" mt="lg">
            <Button variant="default" onClick={close} data-autofocus>
              Cancel
            </Button>
            <Button
              color={question?.danger ? 'red.8' : 'jade'}
              loading={busy}
              onClick={() => question && void run(question)}
            >
              {question?.action}
            </Button>
          </Group>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
