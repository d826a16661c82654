/** `GET …/pods/x/log`: one container's lines as text, from where the client asks, and on and on where it follows. */
import type { ContainerLog } from '../cluster/log-book.js';
import { isObject, read, readList, readText, type KubeObject } from '../model/objects.js';
import { badRequest, invalid, notFound } from '../model/status.js';
import type { Answer } from './answer.js';
import type { Exchange, Services } from './exchange.js';
import { isTrue } from './request-info.js';

interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly previous: boolean;
  readonly tailLines: number;
  /** Wall time; earlier lines are left out. */
  readonly sinceMs: number;
  readonly limitBytes: number;
}

const SLICE_CHARS = 64 * 1024;

export async function handlePodLog(exchange: Exchange, services: Services): Promise<void> {
  const { answer, info, type, query } = exchange;
  const { cluster, logs, clock, counters } = services;
  const pod = cluster.get(type, info.namespace, info.name)?.object;
  if (pod === undefined) throw notFound(type, info.name);
  const container = chooseContainer(pod, query.get('container') ?? '');
  const options = parseOptions(query, clock.now());
  if (!options.previous) requireStarted(pod, container);
  const log = logs.read(info.namespace, info.name, container, options.previous);
  if (log === undefined)
    throw badRequest(`previous terminated container "${container}" in pod "${info.name}" not found`);
  answer.head(200, { 'Content-Type': 'text/plain' });
  answer.response.flushHeaders();
  const close = counters.logOpened();
  try {
    await writeLog(answer, log, options);
  } finally {
    close();
  }
}

async function writeLog(answer: Answer, log: ContainerLog, options: LogOptions): Promise<void> {
  const end = options.follow ? Infinity : log.next;
  let left = options.limitBytes;
  let at = startOf(log, options);
  while (!answer.over && left > 0) {
    const gathered = gather(log, at, Math.min(end, log.next), options.timestamps);
    at = gathered.next;
    if (gathered.text === '') {
      if (!options.follow || log.closed) break;
      await changed(log, answer);
      continue;
    }
    const text = cutTo(gathered.text, left);
    left -= Buffer.byteLength(text);
    if (!answer.write(text)) await answer.drained();
  }
  answer.end();
}

/** Lines from `at` on, one write's worth. Those rotated away before they could be written are lost, as with a kubelet. */
function gather(
  log: ContainerLog,
  at: number,
  end: number,
  timestamps: boolean,
): { text: string; next: number } {
  let text = '';
  let next = Math.max(at, log.first);
  for (; next < end && text.length < SLICE_CHARS; next++) {
    const line = log.at(next);
    if (line === undefined) continue;
    const stamp = timestamps ? `${new Date(line.atMs).toISOString().slice(0, -1)}000000Z ` : '';
    text += `${stamp}${line.text}\n`;
  }
  return { text, next };
}

function cutTo(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  return bytes.length <= maxBytes ? text : bytes.subarray(0, maxBytes).toString('utf8');
}

/** Resolves at the next line, at the end of the container, or when the reader goes. */
function changed(log: ContainerLog, answer: Answer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stop();
      answer.response.off('close', done);
      resolve();
    };
    const stop = log.listen(done);
    answer.response.on('close', done);
  });
}

function startOf(log: ContainerLog, { tailLines, sinceMs }: LogOptions): number {
  let at = Math.max(log.first, log.next - tailLines);
  while (at < log.next && (log.at(at)?.atMs ?? 0) < sinceMs) at++;
  return at;
}

/** Throws 400 for one that is none of the pod's, and for none where there are several. */
export function chooseContainer(pod: KubeObject, asked: string): string {
  const names = ['initContainers', 'containers'].flatMap((field) =>
    readList(pod, 'spec', field).map((container) => readText(container, 'name')),
  );
  const { name } = pod.metadata;
  if (asked !== '') {
    if (names.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const main = readList(pod, 'spec', 'containers').map((container) => readText(container, 'name'));
  const [only] = main;
  if (main.length === 1 && only !== undefined) return only;
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${main.join(' ')}]`);
}

/** A container that waits has no log yet. Where no state is known, the log book is asked all the same. */
function requireStarted(pod: KubeObject, container: string): void {
  const status = readList(pod, 'status', 'containerStatuses').find(
    (one) => readText(one, 'name') === container,
  );
  const waiting = read(status, 'state', 'waiting');
  if (!isObject(waiting) || read(status, 'lastState', 'terminated') !== undefined) return;
  throw badRequest(
    `container "${container}" in pod "${pod.metadata.name}" is waiting to start: ${readText(waiting, 'reason') || 'ContainerCreating'}`,
  );
}

function parseOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const sinceSeconds = whole(query, 'sinceSeconds', 1);
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== null)
    throw refuse('sinceSeconds', 'Forbidden: at most one of sinceTime or sinceSeconds may be specified');
  const sinceMs = sinceTime === null ? nowMs - (sinceSeconds ?? Infinity) * 1000 : Date.parse(sinceTime);
  if (Number.isNaN(sinceMs)) throw badRequest('sinceTime must be a time as in RFC 3339');
  return {
    follow: isTrue(query.get('follow')),
    timestamps: isTrue(query.get('timestamps')),
    previous: isTrue(query.get('previous')),
    tailLines: whole(query, 'tailLines', 0) ?? Infinity,
    limitBytes: whole(query, 'limitBytes', 1) ?? Infinity,
    sinceMs,
  };
}

function whole(query: URLSearchParams, field: string, min: number): number | undefined {
  const text = query.get(field);
  if (text === null || text === '') return undefined;
  if (!/^-?\d{1,12}$/.test(text)) throw badRequest(`${field} must be a whole number, got "${text}"`);
  if (Number(text) < min)
    throw refuse(field, `Invalid value: ${text}: must be greater than or equal to ${min}`);
  return Number(text);
}

function refuse(field: string, message: string): Error {
  return invalid('PodLogOptions', '', '', [{ reason: 'FieldValueInvalid', message, field }]);
}
