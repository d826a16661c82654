/** Publishes `{seq}` without a rest over the HTTP API, counting up, and remembers what the server acknowledged. */
import { wait, type TestServer } from '@trunkline/testkit';

export class Publisher {
  readonly #server: TestServer;
  readonly #channels: readonly string[];
  readonly #everyMs: number;
  readonly #headers: Readonly<Record<string, string>> | undefined;
  #seq = 0;
  #running: Promise<void> | undefined;
  #stop = false;
  /** Attempts that were not acknowledged: the server was away. */
  failures = 0;

  constructor(
    server: TestServer,
    channels: readonly string[],
    everyMs: number,
    headers?: Readonly<Record<string, string>>,
  ) {
    this.#server = server;
    this.#channels = channels;
    this.#everyMs = everyMs;
    this.#headers = headers;
  }

  get seq(): number {
    return this.#seq;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Ends after a last publication that was surely acknowledged; resolves with its number. */
  async stop(): Promise<number> {
    this.#stop = true;
    await this.#running;
    while (!(await this.#publish())) await wait(20);
    return this.#seq;
  }

  async #run(): Promise<void> {
    while (!this.#stop) {
      await this.#publish();
      await wait(this.#everyMs);
    }
  }

  /** A number is used once, acknowledged or not: nobody can know whether a lost answer meant a lost publication. */
  async #publish(): Promise<boolean> {
    const seq = ++this.#seq;
    try {
      const { status } = await this.#server.api(
        'broadcast',
        { channels: this.#channels, data: { seq } },
        this.#headers,
      );
      if (status === 200) return true;
    } catch {
      // The server is away.
    }
    this.failures++;
    return false;
  }
}
