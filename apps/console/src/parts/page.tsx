/** The frame of a screen: heading, continuity, actions, content. Moving to a screen moves the focus to its heading. */
import { Group, Title } from '@mantine/core';
import { useEffect, useRef, type ReactNode } from 'react';
import type { Continuity } from '../live.js';
import { ContinuityBadge } from './continuity.js';

export interface PageProps {
  readonly title: ReactNode;
  /** For the browser's tab. */
  readonly name: string;
  readonly lead?: ReactNode;
  readonly back?: ReactNode;
  readonly continuity: Continuity;
  /** What the continuity speaks of. */
  readonly source: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

export function Page({ title, name, lead, back, continuity, source, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${name} · Trunkline`;
    heading.current?.focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }, [name]);
  return (
    <div className="tl-page">
      <div className="tl-page-head">
        <div className="tl-page-title">
          {back}
          <Group gap="sm" align="center" wrap="wrap">
            <Title order={1} size="h3" ref={heading} tabIndex={-1} className="tl-heading">
              {title}
            </Title>
            <ContinuityBadge continuity={continuity} source={source} />
          </Group>
          {lead !== undefined && <p className="tl-lead">{lead}</p>}
        </div>
        {actions !== undefined && <div className="tl-page-actions">{actions}</div>}
      </div>
      {children}
    </div>
  );
}
