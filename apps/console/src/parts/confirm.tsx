/** Asks before something is ended, does it, and says how that went. */
import { Button, Group, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { useCall, type Call } from '../live.js';
import { useLast } from './last.js';
import { DialogSheet } from './sheet.js';

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly danger: boolean;
  /** Has to be typed before: for what cannot be undone and takes much with it. */
  readonly word?: string;
  /** What the screen shows is not there afterwards. */
  readonly gone?: boolean;
  /** Does it; what to say then. */
  readonly run: (call: Call) => Promise<string>;
}

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
  const [typed, setTyped] = useState('');
  /** What stands there; only what is asked now can be done. */
  const shown = useLast(question);
  const close = (): void => {
    setFault(undefined);
    setTyped('');
    onClose();
  };
  const run = async (asked: Question): Promise<void> => {
    setBusy(true);
    try {
      const message = await asked.run(call);
      notifications.show({ message, color: 'jade', autoClose: 3_000 });
      close();
      onDone();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <DialogSheet title={question?.title} width={440} onClose={close}>
      <Text size="sm">{shown?.text}</Text>
      {shown?.word !== undefined && (
        <TextInput
          mt="md"
          label={
            <>
              Type <code>{shown.word}</code> to go on
            </>
          }
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
        />
      )}
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
          color={shown?.danger ? 'red.8' : 'jade'}
          loading={busy}
          disabled={shown?.word !== undefined && typed.trim() !== shown.word}
          onClick={() => question && void run(question)}
        >
          {shown?.action}
        </Button>
      </Group>
    </DialogSheet>
  );
}
