/** What is thrown here, in the form in which API servers say it to their clients: a `Status` object and the status of HTTP. */
import { KUBE_MODULE_CODES } from '@trunkline/contracts/kube';
import { KubeError, type KubeCodeName } from '@trunkline/kube-client';
import { CodedError, ERROR_CODES } from '@trunkline/protocol';

export interface StatusObject {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: 'Failure';
  readonly message: string;
  readonly reason: string;
  readonly code: number;
}

const OF_KIND: Readonly<Record<KubeCodeName, readonly [code: number, reason: string]>> = {
  kubeUnreachable: [503, 'ServiceUnavailable'],
  kubeTimeout: [504, 'Timeout'],
  kubeSilent: [504, 'Timeout'],
  kubeConnectionLost: [503, 'ServiceUnavailable'],
  kubeServerError: [502, 'InternalError'],
  kubeThrottled: [429, 'TooManyRequests'],
  kubeExpired: [410, 'Expired'],
  kubeUnauthorized: [401, 'Unauthorized'],
  kubeForbidden: [403, 'Forbidden'],
  kubeNotFound: [404, 'NotFound'],
  kubeConflict: [409, 'Conflict'],
  kubeRefused: [400, 'BadRequest'],
  kubeTooLarge: [413, 'RequestEntityTooLarge'],
  kubeBadAnswer: [502, 'InternalError'],
  kubeCredentialFailed: [503, 'ServiceUnavailable'],
  kubeconfigInvalid: [500, 'InternalError'],
  kubeconfigRefused: [500, 'InternalError'],
};

const OF_CODE = new Map<number, readonly [code: number, reason: string]>([
  [KUBE_MODULE_CODES.kubeClusterUnknown.code, [404, 'NotFound']],
  [KUBE_MODULE_CODES.kubeCredentialMissing.code, [403, 'Forbidden']],
  [ERROR_CODES.unauthorized.code, [401, 'Unauthorized']],
  [ERROR_CODES.tokenExpired.code, [401, 'Unauthorized']],
  [ERROR_CODES.permissionDenied.code, [403, 'Forbidden']],
  [ERROR_CODES.badRequest.code, [400, 'BadRequest']],
  [ERROR_CODES.limitExceeded.code, [429, 'TooManyRequests']],
  [ERROR_CODES.tooManyRequests.code, [429, 'TooManyRequests']],
  [ERROR_CODES.shuttingDown.code, [503, 'ServiceUnavailable']],
  [ERROR_CODES.sourceUnavailable.code, [503, 'ServiceUnavailable']],
]);

/** Of an error without a code nothing is told. */
export function toStatus(cause: unknown): StatusObject {
  const [code, reason] = codeAndReason(cause);
  const message = cause instanceof CodedError ? cause.message : ERROR_CODES.internal.message;
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}

function codeAndReason(cause: unknown): readonly [number, string] {
  if (cause instanceof KubeError) return OF_KIND[cause.kind];
  if (!(cause instanceof CodedError)) return [500, 'InternalError'];
  return OF_CODE.get(cause.code) ?? (cause.temporary ? [503, 'ServiceUnavailable'] : [500, 'InternalError']);
}
