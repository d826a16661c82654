/**
 * A real Kubernetes API server with an etcd of its own, for tests that kill and restart it. There is no controller, no scheduler and no node but a stand-in kubelet
 * that has logs: pods are what a test says they are. The binaries come from `npm run setup:kube`; where they are missing `findKubeBinaries` says so, and a suite decides
 * how loudly it complains.
 */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DisposeStack, type Disposable } from '@trunkline/base';
import { createCertificateAuthority, type CertificateAuthority } from './kube-certificates.js';
import { startKubelet, type Kubelet } from './kubelet.js';
import { freePort } from './ports.js';
import { startProgram, type Program } from './program.js';

export interface KubeUser {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface KubeApiServerOptions {
  /** Users by bearer token. One in `system:masters` may do everything. */
  readonly tokens: Readonly<Record<string, KubeUser>>;
  /** More arguments for kube-apiserver, such as `--watch-cache-sizes=pods#0`. Default none. */
  readonly args?: readonly string[];
}

export interface KubeApiServer extends Disposable {
  /** `https://127.0.0.1:…` */
  readonly url: string;
  /** PEM of the authority that signed the server's certificate, and signs `clientCertificate`. */
  readonly ca: string;
  readonly program: Program;
  readonly etcd: Program;
  /** What containers print on the node `node`, once that exists with the kubelet's port. */
  readonly kubelet: Kubelet;
  /** PEM texts of a certificate for that user. */
  clientCertificate(user: KubeUser): Promise<{ readonly key: string; readonly cert: string }>;
  /** SIGKILL and a new start on the same etcd: watches break, and the watch cache starts empty. */
  restart(): Promise<void>;
}

export interface KubeBinaries {
  readonly apiServer: string;
  readonly etcd: string;
}

/** What `npm test` found, by the variables that it sets, or what `npm run setup:kube` built; undefined where one of the two is missing. */
export function findKubeBinaries(env: NodeJS.ProcessEnv = process.env): KubeBinaries | undefined {
  const built = join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'trunkline', 'kube');
  const folders = existsSync(built) ? readdirSync(built).map((version) => join(built, version)) : [];
  const find = (named: string | undefined, name: string): string | undefined =>
    [named, ...folders.map((folder) => join(folder, name))].find(
      (path) => path !== undefined && existsSync(path),
    );
  const apiServer = find(env['KUBE_APISERVER_BIN'], 'kube-apiserver');
  const etcd = find(env['ETCD_BIN'], 'etcd');
  return apiServer === undefined || etcd === undefined ? undefined : { apiServer, etcd };
}

export async function startKubeApiServer(
  binaries: KubeBinaries,
  { tokens, args = [] }: KubeApiServerOptions,
): Promise<KubeApiServer> {
  const stack = new DisposeStack();
  try {
    const directory = await mkdtemp(join(tmpdir(), 'trunkline-kube-'));
    stack.use({ dispose: () => rm(directory, { recursive: true, force: true }) });
    const authority = await createCertificateAuthority(directory);
    const served = await authority.sign('server', '/CN=kube-apiserver', 'IP:127.0.0.1,DNS:localhost');
    const kubelet = stack.use(await startKubelet(await readPair(served)));
    const etcd = stack.use(await startEtcd(binaries.etcd));
    const files = await writeFiles(directory, authority, tokens);
    const program = stack.use(
      await startProgram({
        name: 'kube-apiserver',
        binary: binaries.apiServer,
        readyTimeoutMs: 60_000,
        args: ({ port }) => [
          `--etcd-servers=http://127.0.0.1:${etcd.port}`,
          '--bind-address=127.0.0.1',
          `--secure-port=${port}`,
          '--endpoint-reconciler-type=none',
          `--tls-cert-file=${served.cert}`,
          `--tls-private-key-file=${served.key}`,
          `--client-ca-file=${authority.caPath}`,
          `--token-auth-file=${files.tokens}`,
          '--authorization-mode=RBAC',
          '--disable-admission-plugins=ServiceAccount',
          '--service-account-issuer=https://kubernetes.default.svc',
          `--service-account-signing-key-file=${files.signingKey}`,
          `--service-account-key-file=${files.signingKey}`,
          '--service-cluster-ip-range=10.96.0.0/16',
          `--kubelet-client-certificate=${files.kubeletClient.cert}`,
          `--kubelet-client-key=${files.kubeletClient.key}`,
          ...args,
        ],
        ready: ({ port }) => isReady(port, authority.ca),
      }),
    );
    return {
      url: `https://127.0.0.1:${program.port}`,
      ca: authority.ca,
      program,
      etcd,
      kubelet,
      clientCertificate: async ({ name, groups }) => {
        const subject = `/CN=${name}${groups.map((group) => `/O=${group}`).join('')}`;
        return readPair(await authority.sign(`client-${name.replaceAll(/[^\w-]/g, '-')}`, subject));
      },
      restart: () => program.restart(),
      dispose: () => stack.dispose(),
    };
  } catch (cause) {
    await stack.dispose();
    throw cause;
  }
}

async function startEtcd(binary: string): Promise<Program> {
  const peer = `http://127.0.0.1:${await freePort()}`;
  return startProgram({
    name: 'etcd',
    binary,
    args: ({ port, directory }) => [
      `--data-dir=${join(directory, 'data')}`,
      `--listen-client-urls=http://127.0.0.1:${port}`,
      `--advertise-client-urls=http://127.0.0.1:${port}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
    ],
    ready: async ({ port }) => (await fetch(`http://127.0.0.1:${port}/health`)).ok,
  });
}

interface Files {
  readonly tokens: string;
  readonly signingKey: string;
  readonly kubeletClient: { readonly key: string; readonly cert: string };
}

async function writeFiles(
  directory: string,
  authority: CertificateAuthority,
  tokens: KubeApiServerOptions['tokens'],
): Promise<Files> {
  const lines = Object.entries(tokens).map(
    ([token, { name, groups }]) => `${token},${name},${name},"${groups.join(',')}"`,
  );
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const files = { tokens: join(directory, 'tokens.csv'), signingKey: join(directory, 'accounts.key') };
  await writeFile(files.tokens, `${lines.join('\n')}\n`);
  await writeFile(files.signingKey, privateKey.export({ type: 'pkcs1', format: 'pem' }));
  return { ...files, kubeletClient: await authority.sign('kubelet-client', '/CN=kubelet-client') };
}

async function readPair(paths: {
  readonly key: string;
  readonly cert: string;
}): Promise<{ readonly key: string; readonly cert: string }> {
  return { key: await readFile(paths.key, 'utf8'), cert: await readFile(paths.cert, 'utf8') };
}

function isReady(port: number, ca: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/readyz', ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.setTimeout(2_000, () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end();
  });
}
