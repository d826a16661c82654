/**
 * The surroundings of a queue for tests: a client whose connection a test switches, and a server that executes a command once under its key and
 * remembers the answer. Every call is held until the test, or `auto`, lets it go on.
 */
import type { Clock } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type { ConnectionState } from '../../connection.js';
import type { Untyped } from '../../contract-types.js';
import type { CoreClient } from '../../core-client.js';
import type { Extension } from '../../extensions.js';
import type { CallOptions, CommandResult } from '../../rpc.js';
import { Cell } from '../../store.js';

export interface Effect {
  readonly key: string;
  readonly method: string;
  readonly params: unknown;
}

/** Executes once, in the order it is asked. */
export class ServerModel {
  readonly effects: Effect[] = [];
  /** Answers by key. */
  readonly answers = new Map<string, CommandResult<unknown>>();
  /** Every arrival, repeats included. */
  readonly arrivals: string[] = [];
  /** Refuses instead of executing; what it throws is the answer. */
  refuse: ((effect: Effect) => void) | undefined;

  execute(effect: Effect): CommandResult<unknown> {
    this.arrivals.push(effect.key);
    const known = this.answers.get(effect.key);
    if (known !== undefined) return known;
    this.refuse?.(effect);
    this.effects.push(effect);
    const answer = { result: { did: effect.params } };
    this.answers.set(effect.key, answer);
    return answer;
  }
}

/** A call on its way. */
export interface Flight {
  readonly effect: Effect;
  readonly options: CallOptions;
  /** The server executes it and the answer arrives. */
  answer(): void;
  /** The server executes it and the answer is lost with the connection. */
  loseAnswer(): void;
  /** It is lost before it arrives. */
  lose(): void;
}

/** As much of a client as a queue uses. */
export class ModelClient {
  readonly state: Cell<ConnectionState>;
  readonly flights: Flight[] = [];
  readonly server: ServerModel;
  extensions: ReadonlySet<Extension> = new Set(['rpc']);
  /** Calls are answered at once. */
  auto = true;
  readonly #clock: Clock;

  constructor(server: ServerModel, clock: Clock) {
    this.server = server;
    this.#clock = clock;
    this.state = new Cell<ConnectionState>({ kind: 'disconnected', sinceMs: 0 }, () => undefined);
  }

  /** For `createOfflineQueue`. */
  get client(): CoreClient<Untyped> {
    return this as unknown as CoreClient<Untyped>;
  }

  up(): void {
    this.state.set({
      kind: 'connected',
      sinceMs: this.#clock.now(),
      transport: 'websocket',
      client: 'c',
      extensions: this.extensions,
      data: undefined,
    });
  }

  /** What is on its way is lost. */
  down(): void {
    this.state.set({ kind: 'connecting', sinceMs: this.#clock.now(), attempt: 1, reason: 'gone' });
    for (const flight of [...this.flights]) flight.lose();
  }

  schedule(flush: () => void): void {
    queueMicrotask(flush);
  }

  command(method: string, params: unknown, options: CallOptions = {}): Promise<CommandResult<unknown>> {
    const effect: Effect = { key: options.key ?? '', method, params };
    return new Promise((resolve, reject) => {
      const gone = (): void => {
        const at = this.flights.indexOf(flight);
        if (at >= 0) this.flights.splice(at, 1);
      };
      const cut = (): void => reject(new CodedError({ code: 1, message: 'timeout', retry: 'afterBackoff' }));
      const flight: Flight = {
        effect,
        options,
        answer: () => {
          gone();
          try {
            resolve(this.server.execute(effect));
          } catch (error) {
            reject(error as Error);
          }
        },
        loseAnswer: () => {
          gone();
          try {
            this.server.execute(effect);
          } catch {
            // A refusal is lost like any other answer.
          }
          cut();
        },
        lose: () => {
          gone();
          cut();
        },
      };
      this.flights.push(flight);
      if (this.auto) queueMicrotask(() => flight.answer());
    });
  }
}
