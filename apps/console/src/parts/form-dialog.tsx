/** A form in a dialog: sends once, says what was wrong where the form is, and closes when it went through. */
import { Button, Group, Stack } from '@mantine/core';
import { useState, type FormEvent, type ReactNode } from 'react';
import { DialogSheet } from './sheet.js';

export interface FormDialogProps {
  readonly opened: boolean;
  readonly title: string;
  readonly action: string;
  /** Something is missing or wrong: nothing can be sent. */
  readonly unusable: boolean;
  readonly onClose: () => void;
  /** What it throws is shown. The caller closes it. */
  readonly onSubmit: () => Promise<void>;
  readonly children: ReactNode;
}

export function FormDialog({ opened, onClose, title, ...rest }: FormDialogProps) {
  return (
    <DialogSheet title={opened ? title : undefined} width={520} onClose={onClose}>
      {opened && <Form onClose={onClose} {...rest} />}
    </DialogSheet>
  );
}

function Form({ action, unusable, onClose, onSubmit, children }: Omit<FormDialogProps, 'opened' | 'title'>) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string>();
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (busy || unusable) return;
    setBusy(true);
    setFault(undefined);
    try {
      await onSubmit();
    } catch (error) {
      setFault(faultWords(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Stack gap="md">
        {children}
        {fault !== undefined && (
          <p className="tl-fault" role="alert">
            {fault}
          </p>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={unusable}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Without the name of the method, which says nothing to whoever filled in a form. */
export function faultWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^(directory|kube)\.[\w.]+: /, '');
}
