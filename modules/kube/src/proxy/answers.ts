/** Answers as they leave: what a cluster says is passed on as it comes, and never as something that a browser would run; what is refused here is said as an API server would. */
import type { RouteResponse } from '@trunkline/hub';
import { KubeError, type KubeAnswer } from '@trunkline/kube-client';
import type { CodedError } from '@trunkline/protocol';
import { toStatus, type StatusObject } from '../wires/status.js';

/** A cluster that a user named may answer with a page that would act for whoever looks at it. */
const FOR_NOBODY_TO_RUN = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
};

const PLAIN_TYPES =
  /^(application\/(json|yaml|com\.github\.proto-openapi[\w.@+-]*|vnd\.kubernetes\.protobuf)|text\/plain)\s*(;|$)/i;

/** An object of ours, under any status. */
export function say(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): RouteResponse {
  return { status, headers: { ...FOR_NOBODY_TO_RUN, ...headers }, body };
}

export function sayError(cause: CodedError): RouteResponse {
  const status = toStatus(cause);
  return say(status.code, status);
}

/** 405: it would be understood, and is not passed on. */
export function sayNotAllowed(words: string): RouteResponse {
  const status: StatusObject = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: words,
    reason: 'MethodNotAllowed',
    code: 405,
  };
  return say(status.code, status, { allow: 'GET' });
}

/** The whole answer. `release` is called at its end, however that comes. */
export function pass(answer: KubeAnswer, maxBytes: number, release: () => void): RouteResponse {
  const headers = headersOf(answer, maxBytes);
  return { status: answer.status, headers, stream: bounded(answer.body, maxBytes, release) };
}

/** What belongs to the connection, or speaks to a browser, stays behind. Throws, having let go of the answer, where it cannot be passed on. */
export function headersOf(
  { status, headers, discard }: KubeAnswer,
  maxBytes: number,
): Record<string, string> {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const all = (name: string): string | undefined => [headers[name] ?? []].flat().join(', ') || undefined;
  const refuse = (detail: string): never => {
    discard();
    throw new KubeError('kubeBadAnswer', detail);
  };
  if (status < 200 || (status >= 300 && status < 400)) return refuse(`status ${status}`);
  const encoding = one('content-encoding');
  if (encoding !== undefined && encoding !== 'identity') return refuse('an encoding that was not asked for');
  const length = one('content-length');
  if (length !== undefined && Number(length) > maxBytes) {
    discard();
    throw tooLarge(maxBytes);
  }
  // Browsers take the last of several types in one line.
  const type = one('content-type')?.replace(/.*,.*/s, '') ?? '';
  const passed = ['retry-after', 'warning', 'audit-id', 'etag'].flatMap((name) => {
    const value = name === 'warning' ? all(name) : one(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...FOR_NOBODY_TO_RUN,
    ...Object.fromEntries(passed),
    ...(PLAIN_TYPES.test(type)
      ? { 'content-type': type }
      : { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' }),
  };
}

/** As it comes and no faster than it is read. One that grows too long fails, which the reader sees as an answer that was cut. */
export async function* bounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  release: () => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      yield chunk;
    }
  } finally {
    release();
  }
}

function tooLarge(maxBytes: number): KubeError {
  return new KubeError('kubeTooLarge', `more than ${maxBytes} bytes (maxAnswerBytes)`);
}
