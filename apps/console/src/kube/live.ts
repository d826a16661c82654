/** Live Kubernetes lists, windows, objects and logs as the screens use them: the hooks of the SDK, with their health in the words of the console's badge. */
import type { Health, KubeObject, LogEntry, LogQuestion, ObjectQuestion } from '@trunkline/client/kube';
import type { WindowColumn, WindowRow, WindowSort } from '@trunkline/contracts/kube';
import { useKubeList, useKubeLog, useKubeObject, useKubeWindow } from '@trunkline/react/kube';
import { useMemo } from 'react';
import type { Continuity } from '../live.js';

export type { KubeObject, LogEntry } from '@trunkline/client/kube';

export interface Question {
  readonly cluster: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespaces?: readonly string[];
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface RowsQuestion extends Question {
  readonly search: string;
  readonly sort: readonly WindowSort[];
  /** Besides those that are always shown. */
  readonly columns: readonly string[];
}

export interface RowsView {
  /** Undefined before the first answer. */
  readonly columns: readonly WindowColumn[] | undefined;
  /** Undefined before the first answer. */
  readonly total: number | undefined;
  /** Undefined where it is not here: it comes once the range is known to be looked at. */
  readonly rowAt: (index: number) => WindowRow | undefined;
  readonly continuity: Continuity;
  /** Asks again at once, where it failed. */
  readonly retry: () => void;
  /** Namespaces that may not be seen, and why, where others may. */
  readonly denied: readonly { readonly namespace: string | undefined; readonly reason: string }[];
}

/** Rows of one window: some screens of them, in steps, so that a little scrolling asks for nothing. */
const STEP = 100;
const LIMIT = 300;

/** Where the window begins that these rows are looked at through. */
export function firstOf({ first }: { readonly first: number }): number {
  return Math.max(0, Math.floor((first - STEP) / STEP) * STEP);
}

/** The window from that row on. Another place, order or search keeps the rows until the next ones are there; another list does not. */
export function useRows(question: RowsQuestion | null, first: number): RowsView {
  const view = useKubeWindow(question && { ...question, offset: first, limit: LIMIT });
  const continuity = useContinuity(view);
  return useMemo(() => {
    const { rows, offset: from, columns, total, lists, retry } = view;
    const refused = lists.filter(({ state }) => state === 'failed');
    return {
      columns: columns.length === 0 ? undefined : columns,
      total: columns.length === 0 ? undefined : total,
      rowAt: (index: number) => rows[index - from],
      continuity,
      retry,
      denied:
        refused.length === lists.length
          ? []
          : refused.map(({ namespace, reason = 'not allowed' }) => ({ namespace, reason })),
    };
  }, [view, continuity]);
}

export interface ObjectView {
  /** What it was last, where it is deleted. */
  readonly object: KubeObject | undefined;
  readonly deleted: boolean;
  readonly continuity: Continuity;
}

export function useObject(question: ObjectQuestion | null): ObjectView {
  const view = useKubeObject(question);
  return { object: view.object ?? view.last, deleted: view.deleted, continuity: useContinuity(view) };
}

export interface ObjectsView {
  readonly objects: readonly KubeObject[];
  readonly continuity: Continuity;
}

export function useObjects(question: Question | null): ObjectsView {
  const view = useKubeList(question);
  return { objects: view.rows, continuity: useContinuity(view) };
}

export interface LogView {
  /** Oldest first; the newest ten thousand. */
  readonly entries: readonly LogEntry[];
  /** Why no more lines come. */
  readonly ended: string | undefined;
  readonly continuity: Continuity;
}

export function useLog(question: LogQuestion | null): LogView {
  const view = useKubeLog(question);
  return { entries: view.entries, ended: view.ended, continuity: useContinuity(view) };
}

/** The same object until it says something else. */
function useContinuity({ state, sinceMs, reason, error }: Health): Continuity {
  return useMemo(() => toContinuity({ state, sinceMs, reason, error }), [state, sinceMs, reason, error]);
}

/** The SDK's health in the words of the badge; a method's name says nothing to whoever looks at rows. */
export function toContinuity({ state, sinceMs = Date.now(), reason: said = '' }: Health): Continuity {
  const reason = said.replace(/^kube\.\w+: /, '');
  switch (state) {
    case 'loading':
      return reason === '' ? { state: 'connecting' } : { state: 'connecting', sinceMs, reason };
    case 'live':
      return { state };
    case 'recovering':
    case 'stale':
      return { state, sinceMs, reason };
    case 'partial':
      return { state: 'stale', sinceMs, reason: reason === '' ? 'a part may not be seen' : reason };
    case 'failed':
      return { state, reason };
  }
}
