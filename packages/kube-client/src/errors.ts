/**
 * What an API server says, as codes. The server's own reason and message reach the caller, since "pods is forbidden: user x cannot list" is what a viewer
 * needs to read; what the network said stays in `cause`, except for its error name. A cancelled call throws the reason of its signal, never one of these.
 */
import { CodedError } from '@trunkline/protocol';
import { KUBE_CODES, type KubeCodeName } from './codes.js';

/** The API server's `Status` object, as far as it is read here. Everything is optional: proxies answer with pages of their own. */
export interface KubeStatus {
  readonly code?: number;
  /** CamelCase word, e.g. `Forbidden`, `Expired`, `NotFound`. */
  readonly reason?: string;
  readonly message?: string;
}

export interface KubeErrorFacts {
  /** The HTTP status, or the code in a watch's ERROR event; 0 where no answer came. */
  readonly status?: number;
  readonly reason?: string;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A refusal or failure of a cluster. `kind` names the entry of `KUBE_CODES`, for switches. */
export class KubeError extends CodedError {
  readonly kind: KubeCodeName;
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(kind: KubeCodeName, detail?: string, facts: KubeErrorFacts = {}) {
    super(KUBE_CODES[kind], detail, { cause: facts.cause });
    this.name = 'KubeError';
    this.kind = kind;
    this.status = facts.status ?? 0;
    this.reason = facts.reason ?? '';
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** Longest text of a server that is passed on, in UTF-16 code units. */
const MESSAGE_MAX = 1_000;

/** An answer that is no success, as an error. `status` is the HTTP status or that of an ERROR event. */
export function toKubeError(status: number, body: KubeStatus, retryAfterMs?: number): KubeError {
  const { reason = '', message = '' } = body;
  const detail = [reason, message]
    .filter((part) => part !== '')
    .join(': ')
    .slice(0, MESSAGE_MAX);
  return new KubeError(kindOf(status, reason), detail === '' ? `status ${status}` : detail, {
    status,
    reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function kindOf(status: number, reason: string): KubeCodeName {
  if (status === 410 || reason === 'Expired' || reason === 'Gone') return 'kubeExpired';
  if (status === 401) return 'kubeUnauthorized';
  if (status === 403) return 'kubeForbidden';
  if (status === 404) return 'kubeNotFound';
  if (status === 409) return 'kubeConflict';
  if (status === 429) return 'kubeThrottled';
  if (status >= 500 || status === 408) return 'kubeServerError';
  return 'kubeRefused';
}

/** Reads a `Status` out of a body of any kind; the words of a body that is none are not passed on. */
export function parseStatus(body: string): KubeStatus {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return {};
  }
  return toStatus(value);
}

/** A parsed value as a `Status`, keeping only fields of the right type. */
export function toStatus(value: unknown): KubeStatus {
  if (typeof value !== 'object' || value === null) return {};
  const { code, reason, message } = value as Readonly<Record<string, unknown>>;
  return {
    ...(typeof code === 'number' ? { code } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof message === 'string' ? { message } : {}),
  };
}

/** The `Retry-After` header in milliseconds, as seconds or as a date (RFC 9110 section 10.2.3), cut to `maxMs`; undefined where there is none that can be read. */
export function parseRetryAfter(
  header: string | undefined,
  nowMs: number,
  maxMs: number,
): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(maxMs, Math.max(0, waitMs));
}
