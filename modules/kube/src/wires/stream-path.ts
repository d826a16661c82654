/** What a pod is asked for over a stream of its own: a program in a container, its running one, ports, or what a container prints. Read from path and query; what is passed on of them is what API servers know. */
import { KubeError } from '@trunkline/kube-client';
import { parseApiPath, segmentsOf } from './api-path.js';

export const STREAM_VERBS = ['exec', 'attach', 'portforward', 'log'] as const;
export type StreamVerb = (typeof STREAM_VERBS)[number];

export interface StreamTarget {
  readonly verb: StreamVerb;
  readonly namespace: string;
  readonly pod: string;
  /** Of the API, without its query. */
  readonly path: string;
  /** Nothing in it but parameters of the API: no credential of ours. */
  readonly query: string;
  /** What may be said of it in a log: the container, the name of the program, the ports. What follows the name may be a secret. */
  readonly told: Readonly<Record<string, unknown>>;
}

const PARAMETERS: Readonly<Record<StreamVerb, readonly string[]>> = {
  exec: ['container', 'command', 'stdin', 'stdout', 'stderr', 'tty'],
  attach: ['container', 'stdin', 'stdout', 'stderr', 'tty'],
  portforward: ['ports'],
  log: [
    'container',
    'follow',
    'previous',
    'timestamps',
    'tailLines',
    'sinceSeconds',
    'sinceTime',
    'limitBytes',
  ],
};

const TOLD_MAX_CHARS = 200;

/** Undefined for what is something else. Throws `kubeRefused` for a path that is none, or that lies in no namespace. */
export function parseStream(path: string, query: URLSearchParams): StreamTarget | undefined {
  const found = parseApiPath(segmentsOf(path));
  const [below, ...more] = found?.below ?? [];
  const verb = STREAM_VERBS.find((one) => one === below);
  if (found?.group !== '' || found.resource !== 'pods' || verb === undefined || more.length > 0)
    return undefined;
  const { version, namespace, name: pod = '' } = found;
  if (version !== 'v1' || namespace === undefined)
    throw new KubeError('kubeRefused', `path: ${verb} is for a pod in a namespace, of v1`);
  const passed = new URLSearchParams([...query].filter(([name]) => PARAMETERS[verb].includes(name)));
  return {
    verb,
    namespace,
    pod,
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/${verb}`,
    query: passed.toString(),
    told: toldOf(passed),
  };
}

function toldOf(passed: URLSearchParams): Readonly<Record<string, unknown>> {
  const container = passed.get('container');
  // A command that is one long text has its arguments in its first word.
  const program = passed.get('command')?.trim().split(/\s/)[0];
  const ports = passed.getAll('ports').join(',');
  return Object.fromEntries(
    Object.entries({ container, program, ports }).flatMap(([name, value]) =>
      value ? [[name, value.slice(0, TOLD_MAX_CHARS)]] : [],
    ),
  );
}
