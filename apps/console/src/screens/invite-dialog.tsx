/** Invites an e-mail address. The link that comes of it is shown once. */
import type { OrgRole } from '@trunkline/contracts/directory';
import { NativeSelect, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useCall } from '../live.js';
import { FormDialog } from '../parts/form-dialog.js';
import type { Shown } from '../parts/shown-once.js';
import { formatDateTime } from '../format.js';
import { RolesField } from './roles-field.js';

const DAY_MS = 24 * 3_600_000;
const TERMS = [
  { value: '1', label: 'for a day' },
  { value: '7', label: 'for a week' },
  { value: '30', label: 'for 30 days' },
  { value: '90', label: 'for 90 days' },
];

export function InviteDialog({
  opened,
  onClose,
  onInvited,
}: {
  readonly opened: boolean;
  readonly onClose: () => void;
  readonly onInvited: (shown: Shown) => void;
}) {
  const call = useCall();
  const [email, setEmail] = useState('');
  const [roles, setRoles] = useState<readonly OrgRole[]>(['member']);
  const [days, setDays] = useState('7');
  useEffect(() => {
    if (opened) setEmail('');
  }, [opened]);
  const address = email.trim();
  const wrong = address !== '' && !/^[^@\s]+@[^@\s]+$/.test(address);
  const invite = async (): Promise<void> => {
    const { invitation, token } = await call('directory.invite', {
      email: address,
      roles: [...roles],
      ttlMs: Number(days) * DAY_MS,
    });
    onClose();
    onInvited({
      title: `${invitation.email} is invited`,
      what: 'the link',
      text: new URL(`console/invitation?token=${encodeURIComponent(token ?? '')}`, document.baseURI).href,
      note: `Send this link yourself: no mail is sent from here, and it is not shown again. It leads to sign-in until ${formatDateTime(invitation.expiresMs)}; whoever proves there to have this address becomes a member.`,
    });
  };
  return (
    <FormDialog
      opened={opened}
      title="Invite into this org"
      action="Invite"
      unusable={address === '' || wrong || roles.length === 0}
      onClose={onClose}
      onSubmit={invite}
    >
      <TextInput
        label="E-mail address"
        type="email"
        placeholder="ann@example.com"
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
        error={wrong ? 'Expected name@host' : undefined}
        autoComplete="off"
        data-autofocus
      />
      <RolesField value={roles} onChange={setRoles} />
      <NativeSelect
        label="The link works"
        data={TERMS}
        value={days}
        onChange={(event) => setDays(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
