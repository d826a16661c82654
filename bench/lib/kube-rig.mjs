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

  static async start(pods) {
    const api = new KubeApi();
    api.#process = node('API server', '../servers/kube-api.mjs', pods);
    Object.assign(api, await api.#process.hello(PATIENCE_MS));
    return api;
  }

  ask(name, params) {
    return this.#process.ask(words(name, params), PATIENCE_MS);
  }

  stop() {
    return this.#process.stop();
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
    rig.server = node('Trunkline server', '../servers/kube.mjs', api.url, api.token);
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

/** One API server, and for each call of `work` what it starts on it; everything ends with the work. */
export async function withKube(pods, work) {
  const api = await KubeApi.start(pods);
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
