/** `LiveKube` on a client of the SDK. */
import type { Client } from '@trunkline/client';
import {
  liveList,
  liveLog,
  liveWindow,
  type Health,
  type LiveClient,
  type LogEntry,
} from '@trunkline/client/kube';
import type { KubeHealth, LiveKube } from './ports.js';

interface View<S> {
  get(): S;
  subscribe(listener: () => void): () => void;
}

export function createLiveKube(given: Client): LiveKube {
  const client = given as unknown as LiveClient;
  const follow = <S>(view: View<S>, onChange: (snapshot: S) => void): void => {
    // What ended the connection ended everything on it; whether that is the end is decided there.
    const tell = (): void => {
      if (client.state.get().kind !== 'failed') onChange(view.get());
    };
    view.subscribe(tell);
    tell();
  };
  return {
    list: (question, onChange) =>
      follow(liveList(client, question), (view) => onChange({ health: toHealth(view), objects: view.rows })),
    window: (question, onChange) =>
      follow(liveWindow(client, question), ({ columns, rows, total, lists, ...view }) =>
        onChange({
          columns,
          rows,
          total,
          denied: lists
            .filter(({ state }) => state === 'failed')
            .map(({ namespace, reason = 'not allowed' }) => ({ namespace, reason })),
          health: toHealth(view),
        }),
      ),
    log: (question, handlers) => {
      let next = 0;
      let ended: string | undefined;
      follow(liveLog(client, question), (view) => {
        handlers.health(toHealth(view));
        const fresh = view.entries.filter(({ seq }) => seq >= next);
        next = (view.entries.at(-1)?.seq ?? next - 1) + 1;
        tell(fresh, handlers);
        if (view.ended !== undefined && view.ended !== ended) handlers.end(view.ended);
        ended = view.ended;
      });
    },
  };
}

/** Lines that stand together go together. */
function tell(entries: readonly LogEntry[], handlers: Parameters<LiveKube['log']>[1]): void {
  let lines: { readonly time?: string; readonly text: string }[] = [];
  const flush = (): void => {
    if (lines.length > 0) handlers.lines(lines);
    lines = [];
  };
  for (const entry of entries) {
    if (entry.kind === 'line')
      lines.push({ text: entry.text, ...(entry.time === undefined ? {} : { time: entry.time }) });
    else {
      flush();
      handlers.gap(entry.reason);
    }
  }
  flush();
}

function toHealth({ state, sinceMs, reason, error }: Health): KubeHealth {
  return { state, sinceMs, reason, code: error?.code };
}
