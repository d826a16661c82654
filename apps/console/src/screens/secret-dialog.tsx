/** Keeps a secret under a name, or another value under a name that is there. The value leaves this form once and is forgotten with it. */
import { Textarea, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useEffect, useState } from 'react';
import { useCall } from '../live.js';
import { FormDialog } from '../parts/form-dialog.js';
import { handleFault } from './people-words.js';

const MAX_VALUE = 65_536;

export function SecretDialog({
  name: given,
  onClose,
  onKept,
}: {
  /** Undefined: closed. '': a new one. */
  readonly name: string | undefined;
  readonly onClose: () => void;
  readonly onKept: () => void;
}) {
  const call = useCall();
  const [name, setName] = useState('');
  const [value, setValue] = useState('');
  useEffect(() => {
    setName(given ?? '');
    setValue('');
  }, [given]);
  const fault = handleFault(name);
  return (
    <FormDialog
      opened={given !== undefined}
      title={given ? `Replace secret ${given}` : 'Keep a secret'}
      action="Keep"
      unusable={name === '' || value === '' || fault !== undefined || value.length > MAX_VALUE}
      onClose={onClose}
      onSubmit={async () => {
        await call('directory.setSecret', { name, value });
        setValue('');
        notifications.show({ message: `Secret ${name} is kept.`, color: 'jade', autoClose: 3_000 });
        onKept();
        onClose();
      }}
    >
      <TextInput
        label="Name"
        placeholder="registry-password"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        readOnly={given !== ''}
        error={fault}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        data-autofocus={given === '' || undefined}
      />
      <Textarea
        label="Value"
        description="As it is, line feeds too. It is not shown again."
        value={value}
        onChange={(event) => setValue(event.currentTarget.value)}
        error={value.length > MAX_VALUE ? 'At most 65,536 characters' : undefined}
        rows={4}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        classNames={{ input: 'tl-code-input' }}
        data-autofocus={given !== '' || undefined}
      />
    </FormDialog>
  );
}
