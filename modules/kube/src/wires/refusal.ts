/** A connection that is not opened, told as an API server would tell it. */
import type { OpenDecision } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { toStatus } from './status.js';

/** What is not coded is thrown on: whoever opens connections logs it. */
export function refuse(cause: unknown): OpenDecision {
  if (!(cause instanceof CodedError)) throw cause;
  const status = toStatus(cause);
  return {
    kind: 'refuse',
    status: status.code,
    headers: {
      'content-type': 'application/json',
      ...(status.code === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: JSON.stringify(status),
  };
}
