/** What the codes that clusters fail with mean, and what to do about them: for the reference. The table itself is that of `@trunkline/kube-client`. */
import { KUBE_CODES, type KubeCodeName } from '@trunkline/kube-client';
import type { CodeEntry } from '@trunkline/protocol';

const HELP: Readonly<Record<KubeCodeName, readonly [meaning: string, help: string]>> = {
  kubeUnreachable: [
    'No connection to the API server, or TLS refused it.',
    'Look at the address in the kubeconfig, at the network between, and at its certificate authority.',
  ],
  kubeTimeout: [
    'The API server did not begin to answer in time.',
    'Look at its load; the same is tried again.',
  ],
  kubeSilent: [
    'The API server said nothing for longer than it should.',
    'The same is tried again on another connection.',
  ],
  kubeConnectionLost: [
    'The stream broke, or a watch ended.',
    'The watch goes on from the last version by itself.',
  ],
  kubeServerError: [
    'The API server failed (a status of 500 or above).',
    'Look at its log; the same is tried again.',
  ],
  kubeThrottled: [
    'The API server asks to wait (429).',
    'It is waited for as long as it says; ask for less at once.',
  ],
  kubeExpired: [
    'The API server has forgotten the version to go on from.',
    'The list is read anew; nothing needs to be done.',
  ],
  kubeUnauthorized: [
    'The API server does not accept the credential, a fresh one included.',
    'Renew the token or certificate of the kubeconfig, or the credential that the user left.',
  ],
  kubeForbidden: [
    'The API server does not allow it; the detail is its reason.',
    'Grant the verb on the resource in the cluster, to the user that the reason names.',
  ],
  kubeNotFound: [
    'No such object, or no such kind.',
    'Look at the name and the kind: `kube.resources` lists the kinds.',
  ],
  kubeConflict: ['The object changed meanwhile.', 'Read it again and decide anew.'],
  kubeRefused: [
    'The API server refused the request, or it is one that is not sent from here.',
    'The detail says why.',
  ],
  kubeTooLarge: ['An answer exceeds the bound that the detail names.', 'Ask for a narrower list.'],
  kubeBadAnswer: [
    'The answer is not what the Kubernetes API answers.',
    'Look at what stands at that address: a proxy may answer in its place.',
  ],
  kubeCredentialFailed: [
    'A file, a program or an issuer that gives the credential failed.',
    'Try the kubeconfig on the machine of the server.',
  ],
  kubeconfigInvalid: ['The kubeconfig does not fit; the detail names the place.', 'Mend it there.'],
  kubeconfigRefused: [
    'The kubeconfig has a field that users may not give; the detail names it.',
    'Leave a token or a client certificate alone.',
  ],
};

/** With words for people. */
export const KUBE_CLIENT_CODES: Readonly<Record<string, CodeEntry>> = Object.fromEntries(
  (Object.keys(KUBE_CODES) as KubeCodeName[]).map((name) => {
    const [meaning, help] = HELP[name];
    return [name, { ...KUBE_CODES[name], meaning, help }];
  }),
);
