/** How the hub's side reaches an engine, wherever it runs. */
import type { FromEngine, ToEngine } from './messages.js';

export interface EnginePort {
  /** Buffers in `transfer` are given away. Order is kept. */
  post(message: ToEngine, transfer?: readonly ArrayBuffer[]): void;
  /** Ends the engine; nothing is told afterwards. */
  dispose(): void | Promise<void>;
}

export interface EngineHandlers {
  onMessage(message: FromEngine): void;
  /** The engine ended by itself: nothing that it knew is left. */
  onEnd(reason: string): void;
}

export type StartEngine = (handlers: EngineHandlers) => EnginePort;
