/** A surface with a heading. */
import { Title } from '@mantine/core';
import { useId, type ReactNode } from 'react';

export function Panel({
  title,
  aside,
  flush = false,
  className = '',
  children,
}: {
  readonly title: string;
  readonly className?: string;
  readonly aside?: ReactNode;
  readonly flush?: boolean;
  readonly children: ReactNode;
}) {
  const id = useId();
  return (
    <section className={`tl-panel ${className}`} aria-labelledby={id}>
      <div className="tl-panel-head">
        <Title order={2} size="h6" id={id}>
          {title}
        </Title>
        {aside}
      </div>
      <div className={flush ? undefined : 'tl-panel-body'}>{children}</div>
    </section>
  );
}
