/**
 * The tracing port: one span around each piece of work that somebody waits for. Rooms take an optional `Tracer`; without one nothing is
 * made and nothing is paid. Implementations must not throw. The parent travels as text (W3C Trace Context, `traceparent`), so that no
 * room knows a tracing library.
 */
export interface SpanAttributes {
  readonly [name: string]: string | number | boolean;
}

export interface Span {
  set(attributes: SpanAttributes): void;
  /** Marks the work as failed, with the code of its refusal. */
  fail(code: number, message: string): void;
  /** Exactly once. */
  end(): void;
}

export interface Tracer {
  /** `parent` is a `traceparent`; one that cannot be read counts as none. */
  start(name: string, attributes: SpanAttributes, parent?: string): Span;
}
