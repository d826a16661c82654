/** What stands in place of content: nothing there yet, or something wrong and what to do about it. */
import { Button, Skeleton, Stack, Text } from '@mantine/core';
import { RotateCw, TriangleAlert, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';

export function Empty({
  icon: Icon,
  title,
  children,
}: {
  readonly icon: LucideIcon;
  readonly title: string;
  readonly children?: ReactNode;
}) {
  return (
    <div className="tl-notice">
      <span className="tl-notice-icon" aria-hidden="true">
        <Icon size={22} strokeWidth={1.75} />
      </span>
      <Text fw={600}>{title}</Text>
      {children !== undefined && (
        <Text size="sm" c="dimmed" maw={420} component="div">
          {children}
        </Text>
      )}
    </div>
  );
}

export function Failure({
  title,
  reason,
  retry,
}: {
  readonly title: string;
  readonly reason: string;
  readonly retry?: (() => void) | undefined;
}) {
  return (
    <div className="tl-notice" data-tone="bad" role="alert">
      <span className="tl-notice-icon" aria-hidden="true">
        <TriangleAlert size={22} strokeWidth={1.75} />
      </span>
      <Text fw={600}>{title}</Text>
      <Text size="sm" c="dimmed" maw={460}>
        {reason}
      </Text>
      {retry && (
        <Button
          variant="default"
          size="xs"
          mt={4}
          leftSection={<RotateCw size={14} aria-hidden="true" />}
          onClick={retry}
        >
          Try again
        </Button>
      )}
    </div>
  );
}

/** The shape of what is to come; `reason`: why it takes, where something is wrong. */
export function Waiting({
  rows = 5,
  label,
  reason,
}: {
  readonly rows?: number;
  readonly label: string;
  readonly reason?: string | undefined;
}) {
  return (
    <Stack gap="xs" p="md" role="status" aria-label={label}>
      {reason !== undefined && (
        <p className="tl-faint">
          {label}: {reason}.
        </p>
      )}
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={18} width={`${92 - ((row * 17) % 40)}%`} radius="sm" />
      ))}
    </Stack>
  );
}
