/**
 * The engine in a worker thread. A thread is started from a built file: the runtime does not read TypeScript there, so that sources use what was built beside them. A thread
 * that runs out of its memory ends alone.
 */
import type { Logger } from '@trunkline/base';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { StartEngine } from './engine-port.js';
import type { FromEngine } from './messages.js';

/** Next to this file where it is built, else in the package's `dist`. Throws where nothing was built. */
export function engineFile(): URL {
  const file = import.meta.url.endsWith('.ts')
    ? new URL('../../dist/windows/engine/worker.js', import.meta.url)
    : new URL('./engine/worker.js', import.meta.url);
  if (!existsSync(fileURLToPath(file)))
    throw new Error(
      `the engine of live windows is not built: ${fileURLToPath(file)} is missing; run "npx tsc -b"`,
    );
  return file;
}

/** @param memoryMb heap of the thread, MiB */
export function startEngineThread(deps: { readonly logger: Logger }, memoryMb: number): StartEngine {
  return ({ onMessage, onEnd }) => {
    const worker = new Worker(engineFile(), {
      env: {},
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    let ended = false;
    const end = (reason: string): void => {
      if (ended) return;
      ended = true;
      onEnd(reason);
    };
    for (const stream of [worker.stdout, worker.stderr])
      stream.on('data', (chunk: Buffer) =>
        deps.logger.debug({ output: String(chunk).trim() }, 'engine of live windows'),
      );
    worker.on('message', (message: FromEngine) => {
      if (!ended) onMessage(message);
    });
    worker.on('error', (cause) => end(String(cause)));
    worker.on('exit', (code) => end(`the thread ended with ${code}`));
    // It waits for messages for ever; that is no reason for the process to go on.
    worker.unref();
    return {
      post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
      dispose: async () => {
        ended = true;
        await worker.terminate();
      },
    };
  };
}
