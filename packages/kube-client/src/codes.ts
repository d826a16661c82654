/**
 * Codes of what a Kubernetes API server, the way to it, or a credential can fail with: the block 1300 to 1399, described in
 * docs/spec/kube-client.md. The retry word says what a reflector does: `afterBackoff` soon, `afterResync` with a new list, the others slowly.
 */
import type { CodeEntry } from '@trunkline/protocol';

const entry = (code: number, message: string, retry: CodeEntry['retry']): CodeEntry => ({
  code,
  message,
  retry,
});

export const KUBE_CODES = {
  kubeUnreachable: entry(1300, 'cluster unreachable', 'afterBackoff'),
  kubeTimeout: entry(1301, 'cluster took too long', 'afterBackoff'),
  kubeSilent: entry(1302, 'cluster went silent', 'afterBackoff'),
  kubeConnectionLost: entry(1303, 'connection to cluster lost', 'afterBackoff'),
  kubeServerError: entry(1304, 'cluster failed', 'afterBackoff'),
  kubeThrottled: entry(1305, 'cluster asks to wait', 'afterBackoff'),
  kubeExpired: entry(1306, 'resource version expired', 'afterResync'),
  kubeUnauthorized: entry(1307, 'cluster refused the credential', 'never'),
  kubeForbidden: entry(1308, 'cluster forbids this', 'never'),
  kubeNotFound: entry(1309, 'not found in cluster', 'never'),
  kubeConflict: entry(1310, 'conflict in cluster', 'never'),
  kubeRefused: entry(1311, 'cluster refused the request', 'never'),
  kubeTooLarge: entry(1312, 'answer of cluster too large', 'never'),
  kubeBadAnswer: entry(1313, 'answer of cluster not understood', 'afterBackoff'),
  kubeCredentialFailed: entry(1314, 'credential could not be had', 'afterBackoff'),
  kubeconfigInvalid: entry(1315, 'kubeconfig invalid', 'never'),
  kubeconfigRefused: entry(1316, 'kubeconfig field not allowed here', 'never'),
} as const satisfies Record<string, CodeEntry>;

export type KubeCodeName = keyof typeof KUBE_CODES;
