/** What `trunkline kube` needs of a live connection beside `LiveConnection`, in words of its own; `kube/live.ts` implements it with the client SDK. */
import type { LogLine, WindowColumn, WindowRow } from '@trunkline/contracts/kube';

/** Which objects, where. */
export interface KubeQuestion {
  readonly cluster: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespaces?: readonly string[];
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Whether what is shown is the present; see the client SDK for the exact meaning. */
export interface KubeHealth {
  readonly state: 'loading' | 'live' | 'recovering' | 'stale' | 'partial' | 'failed';
  /** Unix milliseconds. */
  readonly sinceMs?: number | undefined;
  readonly reason?: string | undefined;
  /** Of a refusal. */
  readonly code?: number | undefined;
}

/** An object as its cluster keeps it. */
export interface KubeObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid: string };
  readonly [field: string]: unknown;
}

export interface KubeListView {
  readonly health: KubeHealth;
  /** In no order. What did not change is the same object. */
  readonly objects: readonly KubeObject[];
}

export interface KubeWindowView {
  readonly health: KubeHealth;
  readonly columns: readonly WindowColumn[];
  readonly rows: readonly WindowRow[];
  readonly total: number;
  /** What may not be seen, and why, where other parts may. */
  readonly denied: readonly { readonly namespace: string | undefined; readonly reason: string }[];
}

export interface KubeWindowQuestion extends KubeQuestion {
  readonly search?: string;
  readonly sort?: readonly { readonly column: string; readonly order: 'asc' | 'desc' }[];
  /** Columns of lower priority that are shown as well, by name. */
  readonly columns?: readonly string[];
  readonly limit: number;
}

export interface KubeLogQuestion {
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
  readonly tail?: number;
  readonly sinceSeconds?: number;
  readonly previous?: boolean;
}

export interface KubeLogHandlers {
  health(health: KubeHealth): void;
  lines(lines: readonly LogLine[]): void;
  /** Lines around here may be missing. */
  gap(reason: string): void;
  /** No more will come. */
  end(reason: string): void;
}

/** Each goes on until the connection is closed; the newest view is the one that counts. */
export interface LiveKube {
  list(question: KubeQuestion, onChange: (view: KubeListView) => void): void;
  window(question: KubeWindowQuestion, onChange: (view: KubeWindowView) => void): void;
  log(question: KubeLogQuestion, handlers: KubeLogHandlers): void;
}
