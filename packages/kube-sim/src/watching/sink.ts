/** Where a stream of lines goes: a chunked HTTP answer or a WebSocket. The stream waits when `write` says so; nothing is queued twice. */
import type { Answer } from '../http/answer.js';

export interface SinkEvents {
  readonly onDrain: () => void;
  /** The peer is gone, or this side ended. Once. */
  readonly onClosed: () => void;
}

export interface Sink {
  listen(events: SinkEvents): void;
  /** False: nothing more until `onDrain`. */
  write(lines: readonly string[]): boolean;
  /** Writes text as it is, without the mark of a line's end: half a line, by a fault. `onWritten` is called when it has left. */
  writePart(text: string, onWritten: () => void): void;
  /** An orderly end. */
  end(): void;
  /** Breaks the connection. */
  cut(): void;
}

/** One JSON document a line. The head must be written already. */
export function createHttpSink(answer: Answer): Sink {
  const { response } = answer;
  return {
    listen: ({ onDrain, onClosed }) => {
      response.on('drain', onDrain);
      response.once('close', onClosed);
    },
    write: (lines) => answer.write(`${lines.join('\n')}\n`),
    writePart: (text, onWritten) => answer.writeLast(text, onWritten),
    end: () => answer.end(),
    cut: () => answer.cut(),
  };
}
