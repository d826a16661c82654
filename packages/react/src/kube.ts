/**
 * Live Kubernetes lists, objects, windows and logs in components. Each hook opens its store while the component is mounted and renders when what it shows changed,
 * once per frame at most.
 */
import {
  liveList,
  liveLog,
  liveObject,
  liveWindow,
  type KubeObject,
  type ListOptions,
  type ListSnapshot,
  type LiveList,
  type LiveLog,
  type LiveObject,
  type LiveWindow,
  type LogOptions,
  type LogSnapshot,
  type ObjectOptions,
  type ObjectSnapshot,
  type WindowOptions,
  type WindowRow,
  type WindowSnapshot,
  type WindowView,
} from '@trunkline/client/kube';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { useEqual, useLatest, useLazyStore, useTrunkline } from './context.js';
import { closedHealth, functionsOf, opening, useQuestion, type UseKube } from './kube-open.js';

export type { UseKube };

/** Objects of a kind while mounted; `null` opens nothing. Options equal by value never open again. */
export function useKubeList<T = KubeObject>(options: UseKube<ListOptions<T>> | null): ListSnapshot<T> {
  const client = useTrunkline();
  const { question, latest } = useQuestion<ListOptions<T>>(options);
  return useLazyStore<LiveList<T> | undefined, ListSnapshot<T>>(() => {
    const closed = { ...closedHealth(client, question !== null), rows: [], total: 0, lists: [] };
    const make = (): LiveList<T> | undefined =>
      question === null ? undefined : liveList<T>(client, { ...question, ...functionsOf(latest) });
    return { open: (changed) => opening(changed, make), read: (list) => list?.get() ?? closed };
  }, [client, question, latest]);
}

/** One object while mounted; `null` opens nothing. */
export function useKubeObject<T = KubeObject>(options: UseKube<ObjectOptions<T>> | null): ObjectSnapshot<T> {
  const client = useTrunkline();
  const { question, latest } = useQuestion<ObjectOptions<T>>(options);
  return useLazyStore<LiveObject<T> | undefined, ObjectSnapshot<T>>(() => {
    const absent = { object: undefined, uid: undefined, deleted: false, last: undefined };
    const closed = { ...closedHealth(client, question !== null), ...absent };
    const make = (): LiveObject<T> | undefined =>
      question === null ? undefined : liveObject<T>(client, { ...question, ...functionsOf(latest) });
    return { open: (changed) => opening(changed, make), read: (object) => object?.get() ?? closed };
  }, [client, question, latest]);
}

export interface KubeWindowView<T> extends WindowSnapshot<T> {
  /** See `LiveWindow.scroll`; always the same function. For tables that do not keep their place in the options. */
  readonly scroll: (offset: number, limit?: number) => void;
  /** See `LiveWindow.retry`; always the same function. */
  readonly retry: () => void;
}

/**
 * Some rows of a list while mounted; `null` opens nothing. Another filter, search, sort, offset, limit or choice of columns goes over to another window and shows the last one until that is
 * loaded; anything else opens anew.
 */
export function useKubeWindow<T = WindowRow>(options: UseKube<WindowOptions<T>> | null): KubeWindowView<T> {
  const client = useTrunkline();
  const { question, latest } = useQuestion<WindowOptions<T>>(options === null ? null : withoutView(options));
  const view = useEqual(viewOf(options ?? {}));
  const newest = useLatest(view);
  const opened = useRef<LiveWindow<T> | undefined>(undefined);
  const scroll = useCallback((to: number, rows?: number) => opened.current?.scroll(to, rows), []);
  const retry = useCallback(() => opened.current?.retry(), []);
  // The view is no part of the identity: the window that is open goes over to it.
  const shown = useLazyStore<LiveWindow<T> | undefined, WindowSnapshot<T>>(() => {
    const { offset, limit } = view;
    const nothing = { rows: [], total: 0, offset, limit, columns: [], lists: [], moving: false };
    const closed = { ...closedHealth(client, question !== null), ...nothing };
    const make = (): LiveWindow<T> | undefined => {
      opened.current =
        question === null
          ? undefined
          : liveWindow<T>(client, { ...question, ...functionsOf(latest), ...newest.current });
      return opened.current;
    };
    return { open: (changed) => opening(changed, make), read: (window) => window?.get() ?? closed };
  }, [client, question, latest, newest]);
  useEffect(() => opened.current?.change(view), [view]);
  return useMemo(() => ({ ...shown, scroll, retry }), [shown, scroll, retry]);
}

/** The log of a container while mounted; `null` opens nothing. */
export function useKubeLog(options: UseKube<LogOptions> | null): LogSnapshot {
  const client = useTrunkline();
  const { question, latest } = useQuestion<LogOptions>(options);
  return useLazyStore<LiveLog | undefined, LogSnapshot>(() => {
    const closed = { ...closedHealth(client, question !== null), entries: [], dropped: 0, ended: undefined };
    const make = (): LiveLog | undefined =>
      question === null ? undefined : liveLog(client, { ...question, ...functionsOf(latest) });
    return { open: (changed) => opening(changed, make), read: (log) => log?.get() ?? closed };
  }, [client, question, latest]);
}

/** In full, so that what is left out later is gone. */
function viewOf({
  filter = [],
  search = '',
  sort = [],
  offset = 0,
  limit = 100,
  columns = [],
}: WindowView): Required<WindowView> {
  return { filter, search, sort, offset, limit, columns };
}

function withoutView<O extends WindowView>(options: O): O {
  const { filter: _f, search: _se, sort: _so, offset: _o, limit: _l, columns: _c, ...rest } = options;
  return rest as O;
}
