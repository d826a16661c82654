/** An API server, a Trunkline server and viewers, each a process of its own: what the kube rows stand on. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LineProcess } from './child.mjs';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const BUILT = ['../../modules/kube', '../../packages/kube-sim', '../../packages/client'].map((path) =>
  at(`${path}/dist/index.js`),
);
/** Pods of a hundred thousand take a while to make, and to list. */
const PATIENCE_MS = 240_000;

/** Why the kube rows cannot run, or undefined. */
export function kubeUnavailable() {
  const missing = BUILT.find((file) => !existsSync(file));
  return missing && `not built: run "npx tsc -b" first (${missing} is missing)`;
}

/** Why the rows that want a real API server have to do without, or undefined. */
export async function realUnavailable() {
  const { findKubeBinaries } = await import('@trunkline/testkit');
  return findKubeBinaries() === undefined
    ? 'kube-apiserver and etcd are not built (npm run setup:kube)'
    : undefined;
}

function node(label, file, ...args) {
  return new LineProcess(label, process.execPath, [
    '--expose-gc',
    '--max-old-space-size=6144',
    at(file),
    ...args.map(String),
  ]);
}

export class KubeApi {
  #process;
  url;
  token;
  pods;
  /** Of its certificate authority, where it speaks TLS. */
  caFile;
  #isReal;

  /** @param {'simulated' | 'real'} kind */
  static async start(pods, kind) {
    const api = new KubeApi();
    api.#isReal = kind === 'real';
    const file = api.#isReal ? '../servers/kube-real.mjs' : '../servers/kube-api.mjs';
    api.#process = node(`${kind} API server`, file, pods);
    try {
      Object.assign(api, await api.#process.hello(PATIENCE_MS));
    } catch (cause) {
      await api.#process.stop();
      throw cause;
    }
    return api;
  }

  ask(name, params) {
    return this.#process.ask(words(name, params), PATIENCE_MS);
  }

  /** Reads a list once, in pages, and keeps nothing of it. For a simulated server, which writes the text of an object when it is first asked for and keeps it. */
  async readOnce(path) {
    for (let token = ''; ;) {
      const query = `limit=500${token === '' ? '' : `&continue=${encodeURIComponent(token)}`}`;
      const answer = await fetch(`${this.url}${path}?${query}`, {
        headers: { authorization: `Bearer ${this.token}` },
      });
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      const { metadata } = await answer.json();
      token = metadata.continue ?? '';
      if (token === '') return;
    }
  }

  async stop() {
    // What is behind it ends with it, but its files would stay.
    if (this.#isReal) await this.ask('dispose').catch(() => undefined);
    await this.#process.stop();
  }
}

export class KubeRig {
  api;
  server;
  port;
  #fleets = [];

  /** @param {KubeApi} api stays when the rig ends */
  static async start(api) {
    const rig = new KubeRig();
    rig.api = api;
    rig.server = node(
      'Trunkline server',
      '../servers/kube.mjs',
      api.url,
      api.token,
      ...(api.caFile ? [api.caFile] : []),
    );
    rig.port = (await rig.server.hello(PATIENCE_MS)).port;
    return rig;
  }

  /** Another process of viewers. */
  async fleet() {
    const fleet = node('viewers', '../clients/kube-viewers.mjs', this.port);
    await fleet.hello(PATIENCE_MS);
    this.#fleets.push(fleet);
    return { ask: (name, params) => fleet.ask(words(name, params), PATIENCE_MS), stop: () => fleet.stop() };
  }

  ask(name, params) {
    return this.server.ask(words(name, params), PATIENCE_MS);
  }

  async stop() {
    await Promise.allSettled([...this.#fleets, this.server].map((child) => child.stop()));
  }
}

/** One API server, and for each call of `work` what it starts on it; everything ends with the work. @param {'simulated' | 'real'} kind */
export async function withKube(pods, work, kind = 'simulated') {
  const api = await KubeApi.start(pods, kind);
  const rigs = [];
  const open = async () => {
    const rig = await KubeRig.start(api);
    rigs.push(rig);
    return rig;
  };
  try {
    return await work(api, open);
  } finally {
    await Promise.allSettled(rigs.map((rig) => rig.stop()));
    await api.stop();
  }
}

/** Asks again until `is` says yes. Throws when it takes too long. */
export async function untilTrue(what, is, timeoutMs = 60_000) {
  const started = performance.now();
  for (;;) {
    const found = await is();
    if (found) return found;
    if (performance.now() - started > timeoutMs) throw new Error(`waited in vain until ${what}`);
    await sleep(50);
  }
}

function words(name, params) {
  return params === undefined ? name : `${name} ${JSON.stringify(params)}`;
}
