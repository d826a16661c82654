/**
 * Credential plugins (`exec` in a kubeconfig): a program prints a token or a client certificate. It runs without a shell, with bounded time and output, once for all who
 * wait; what it printed is used until it expires or the server refuses it. The program sees `KUBERNETES_EXEC_INFO`, as with kubectl.
 */
import type { Clock } from '@trunkline/base';
import { execFile } from 'node:child_process';
import { resolve, sep } from 'node:path';
import { codeOf, readText, type Credential, type CredentialSource } from '../credential.js';
import { KubeError } from '../errors.js';
import { CachedCredential, type Lease } from './cached.js';
import { flagOf, invalid, placeOf, requiredText, textOf, textsOf, type Entry } from './document.js';

export interface ExecDeps {
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];
/** Longest run in milliseconds: plugins ask clouds over the network. */
const RUN_MAX_MS = 30_000;
const OUTPUT_MAX_BYTES = 1_048_576;

export class ExecCredential implements CredentialSource {
  readonly #deps: ExecDeps;
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #apiVersion: string;
  /** What the plugin is told about the cluster, where it asked for that. */
  readonly #cluster: Readonly<Record<string, unknown>> | undefined;
  readonly #caFile: string | undefined;
  readonly #cached: CachedCredential;

  /** @param folder that a command with a slash starts from; one without is looked for in `PATH` */
  constructor(deps: ExecDeps, exec: Entry, cluster: Entry, folder: string) {
    this.#deps = deps;
    const command = requiredText(exec, 'command');
    this.#command = command.includes('/') || command.includes(sep) ? resolve(folder, command) : command;
    this.#args = textsOf(exec, 'args');
    this.#env = variablesOf(exec);
    this.#apiVersion = requiredText(exec, 'apiVersion');
    if (!VERSIONS.includes(this.#apiVersion))
      throw invalid(`${placeOf(exec.place, 'apiVersion')}: ${VERSIONS.join(' or ')} expected`);
    if (textOf(exec, 'interactiveMode') === 'Always')
      throw invalid(`${placeOf(exec.place, 'interactiveMode')}: a server has no terminal`);
    this.#cluster = flagOf(exec, 'provideClusterInfo') ? clusterInfo(cluster) : undefined;
    const caFile = textOf(cluster, 'certificate-authority');
    this.#caFile = caFile === undefined ? undefined : resolve(folder, caFile);
    this.#cached = new CachedCredential(deps.clock, () => this.#run());
  }

  current(signal: AbortSignal): Promise<Credential> {
    return this.#cached.current(signal);
  }

  refused(used: Credential): boolean {
    return this.#cached.refused(used);
  }

  async #run(): Promise<Lease> {
    const info = { apiVersion: this.#apiVersion, kind: 'ExecCredential', spec: await this.#spec() };
    const env = {
      ...this.#deps.environment,
      ...this.#env,
      KUBERNETES_EXEC_INFO: JSON.stringify(info),
    };
    const output = await new Promise<string>((done, fail) => {
      const run = {
        env,
        timeout: RUN_MAX_MS,
        killSignal: 'SIGKILL' as const,
        maxBuffer: OUTPUT_MAX_BYTES,
        windowsHide: true,
      };
      const child = execFile(this.#command, this.#args, run, (cause, stdout) => {
        if (cause === null) return done(stdout);
        const how =
          typeof cause.code === 'number'
            ? `exit code ${cause.code}`
            : cause.killed === true
              ? 'killed'
              : codeOf(cause);
        // What the program wrote to stderr may hold secrets: it stays in the cause.
        fail(new KubeError('kubeCredentialFailed', `exec: ${how}`, { cause }));
      });
      child.stdin?.end();
    });
    return this.#parse(output);
  }

  /** A certificate authority in a file travels as data, since the plugin may not see our files. */
  async #spec(): Promise<Readonly<Record<string, unknown>>> {
    if (this.#cluster === undefined) return { interactive: false };
    const field = 'certificate-authority-data';
    const fromFile = this.#cluster[field] === undefined ? this.#caFile : undefined;
    const ca =
      fromFile === undefined ? undefined : await readText({ file: fromFile }, 'certificate authority');
    const data = ca === undefined ? {} : { [field]: Buffer.from(ca).toString('base64') };
    return { interactive: false, cluster: { ...this.#cluster, ...data } };
  }

  #parse(output: string): Lease {
    const status = statusOf(output, this.#apiVersion);
    const { token, clientCertificateData, clientKeyData, expirationTimestamp } = status;
    const text = (value: unknown): value is string => typeof value === 'string' && value !== '';
    if (text(clientCertificateData) !== text(clientKeyData))
      throw failed('status.clientCertificateData and status.clientKeyData: both or none');
    if (!text(token) && !text(clientCertificateData))
      throw failed('status: neither token nor client certificate');
    const expiresAtMs = text(expirationTimestamp) ? Date.parse(expirationTimestamp) : undefined;
    if (Number.isNaN(expiresAtMs)) throw failed('status.expirationTimestamp: no time');
    return {
      credential: {
        ...(text(token) ? { token } : {}),
        ...(text(clientCertificateData) && text(clientKeyData)
          ? { certificate: clientCertificateData, key: clientKeyData }
          : {}),
      },
      expiresAtMs,
    };
  }
}

function statusOf(output: string, apiVersion: string): Readonly<Record<string, unknown>> {
  let answer: { readonly apiVersion?: unknown; readonly kind?: unknown; readonly status?: unknown } | null;
  try {
    answer = JSON.parse(output) as typeof answer;
  } catch {
    // The parser's error quotes what it read, and that is a credential.
    throw failed('the output is no JSON');
  }
  if (answer?.kind !== 'ExecCredential') throw failed('kind: ExecCredential expected');
  if (answer.apiVersion !== apiVersion) throw failed(`apiVersion: ${apiVersion} expected`);
  if (typeof answer.status !== 'object' || answer.status === null) throw failed('status: missing');
  return answer.status as Readonly<Record<string, unknown>>;
}

function variablesOf(exec: Entry): Record<string, string> {
  const list = exec.fields['env'] ?? [];
  if (!Array.isArray(list)) throw invalid(`${placeOf(exec.place, 'env')}: a list expected`);
  return Object.fromEntries(
    list.map((fields: unknown, index) => {
      const variable = {
        fields: (typeof fields === 'object' && fields !== null ? fields : {}) as Entry['fields'],
        place: `${placeOf(exec.place, 'env')}[${index}]`,
      };
      return [requiredText(variable, 'name'), textOf(variable, 'value') ?? ''];
    }),
  );
}

function clusterInfo(cluster: Entry): Record<string, unknown> {
  const { extensions } = cluster.fields;
  const own = Array.isArray(extensions)
    ? (extensions as ({ name?: unknown; extension?: unknown } | null)[]).find(
        (one) => one?.name === 'client.authentication.k8s.io/exec',
      )
    : undefined;
  return {
    ...Object.fromEntries(
      ['server', 'tls-server-name', 'insecure-skip-tls-verify', 'certificate-authority-data', 'proxy-url']
        .filter((field) => cluster.fields[field] !== undefined)
        .map((field) => [field, cluster.fields[field]]),
    ),
    ...(own === undefined ? {} : { config: own?.extension }),
  };
}

function failed(detail: string): KubeError {
  return new KubeError('kubeCredentialFailed', `exec: ${detail}`);
}
