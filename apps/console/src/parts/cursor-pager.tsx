/** Forward and back through a list that is read by cursor. Nothing is drawn where there is one page. */
import { ActionIcon, Group } from '@mantine/core';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import type { Pages } from './pages.js';

export function CursorPager({
  pages,
  next,
  what,
}: {
  readonly pages: Pages;
  readonly next: string | undefined;
  /** What the list holds: `members`. */
  readonly what: string;
}) {
  if (pages.page === 0 && next === undefined) return null;
  return (
    <Group justify="space-between" wrap="nowrap" className="tl-pager">
      <span className="tl-foot tl-num">Page {pages.page + 1}</span>
      <Group gap="xs" wrap="nowrap">
        <ActionIcon
          variant="default"
          size="lg"
          aria-label={`Page before of ${what}`}
          disabled={pages.page === 0}
          onClick={pages.back}
        >
          <ChevronLeft size={16} aria-hidden="true" />
        </ActionIcon>
        <ActionIcon
          variant="default"
          size="lg"
          aria-label={`Next page of ${what}`}
          disabled={next === undefined}
          onClick={() => next !== undefined && pages.forward(next)}
        >
          <ChevronRight size={16} aria-hidden="true" />
        </ActionIcon>
      </Group>
    </Group>
  );
}
