/** Which roles somebody gets: at least one, each with what it means. */
import type { OrgRole } from '@trunkline/contracts/directory';
import { Checkbox, Stack } from '@mantine/core';
import { ROLES } from './people-words.js';

export function RolesField({
  value,
  onChange,
}: {
  readonly value: readonly OrgRole[];
  readonly onChange: (roles: OrgRole[]) => void;
}) {
  return (
    <Checkbox.Group
      label="Roles"
      value={[...value]}
      onChange={(next) => onChange(ROLES.map((role) => role.value).filter((role) => next.includes(role)))}
      error={value.length === 0 ? 'At least one' : undefined}
    >
      <Stack gap={8} mt={6}>
        {ROLES.map((role) => (
          <Checkbox key={role.value} value={role.value} label={role.label} description={role.text} />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}
