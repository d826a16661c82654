/** Gives a member other roles. */
import type { MemberRecord, OrgRole } from '@trunkline/contracts/directory';
import { Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useCall } from '../live.js';
import { FormDialog } from '../parts/form-dialog.js';
import { RolesField } from './roles-field.js';

export function RolesDialog({
  member,
  onClose,
  onChanged,
}: {
  /** Undefined: closed. */
  readonly member: MemberRecord | undefined;
  readonly onClose: () => void;
  readonly onChanged: () => void;
}) {
  const call = useCall();
  const [roles, setRoles] = useState<readonly OrgRole[]>([]);
  useEffect(() => setRoles(member?.roles ?? []), [member]);
  return (
    <FormDialog
      opened={member !== undefined}
      title={`Roles of ${member?.name ?? ''}`}
      action="Save"
      unusable={roles.length === 0}
      onClose={onClose}
      onSubmit={async () => {
        if (member) await call('directory.setMember', { user: member.user, roles: [...roles] });
        onChanged();
        onClose();
      }}
    >
      <RolesField value={roles} onChange={setRoles} />
      <Text size="sm" c="dimmed">
        Open connections come back at once with the new rights.
        {member?.source === 'provider' &&
          ' The identity provider gave these roles, and gives them again at the next sign-in unless its claims change.'}
      </Text>
    </FormDialog>
  );
}
