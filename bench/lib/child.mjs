/**
 * A child process that is asked one line and answers one JSON line, in order. Everything started here is ended here: by `stop`, or
 * with this process at the latest.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

export class LineProcess {
  #child;
  #label;
  #waiting = [];
  #failure;

  /** @param {string} label for error messages */
  constructor(label, command, args) {
    this.#label = label;
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    alive.add(this.#child);
    this.#child.on('error', (error) => this.#fail(error));
    this.#child.stdin.on('error', () => undefined);
    this.#child.on('exit', (code, signal) => {
      alive.delete(this.#child);
      this.#fail(new Error(`ended unexpectedly (code ${code}, signal ${signal})`));
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (line.startsWith('{')) this.#onAnswer(JSON.parse(line));
      else process.stderr.write(`[${label}] ${line}\n`);
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** The line a child prints by itself when it is up. */
  hello(timeoutMs = 20_000) {
    return this.#next('start', timeoutMs);
  }

  ask(words, timeoutMs = 120_000) {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#child.stdin.write(`${words}\n`);
    return this.#next(words, timeoutMs);
  }

  /** Ends the child: `quit` first (profiles are written at exit), then the signal. */
  async stop() {
    if (this.#failure) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.write('quit\n');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(timer);
  }

  #next(words, timeoutMs) {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      const timer = setTimeout(
        () => reject(new Error(`${this.#label}: no answer to "${words}" in ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.#waiting.push({
        resolve: (value) => {
          clearTimeout(timer);
          if (value.error) reject(new Error(`${this.#label}: ${words}: ${value.error}`));
          else resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  #onAnswer(value) {
    this.#waiting.shift()?.resolve(value);
  }

  #fail(error) {
    this.#failure ??= new Error(`${this.#label}: ${error.message}`);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#failure);
  }
}
