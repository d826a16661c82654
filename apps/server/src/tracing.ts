/**
 * The tracing port over OpenTelemetry: spans leave as OTLP over HTTP, in batches, beside the work. The libraries are loaded when a
 * collector is configured and not before: they cost about 150 ms and 20 MB. The only file that knows OpenTelemetry. A collector that is
 * slow or away costs spans, never a command: the queue is bounded and what does not fit is dropped.
 */
import { Buffer } from 'node:buffer';
import type { Logger, Span, SpanAttributes, Tracer } from '@trunkline/base';

export interface TracingOptions {
  /** Where spans go, with path, e.g. `http://collector:4318/v1/traces`. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Share of traces begun here that are kept, 0 to 1; a sampled parent is always followed. */
  readonly sampleRatio: number;
  readonly serviceName: string;
  readonly version: string;
  readonly nodeId: string;
}

export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what waits, for a bounded time. */
  dispose(): Promise<void>;
}

/** Spans waiting to be sent; beyond it they are dropped. */
const QUEUE_MAX = 4_096;
const BATCH_MAX = 512;
const BATCH_DELAY_MS = 1_000;
const EXPORT_TIMEOUT_MS = 5_000;
/** Characters of a name or of text in a span. What is longer comes from somebody who wants it long. */
const TEXT_MAX = 256;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const ZEROS = /^0+$/;

export async function openTracing(logger: Logger, options: TracingOptions): Promise<Tracing> {
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const exporter = new OTLPTraceExporter({
    url: options.endpoint,
    headers: { ...options.headers },
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.serviceName,
      'service.version': options.version,
      'service.instance.id': options.nodeId,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(options.sampleRatio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor(exporter, {
        maxQueueSize: QUEUE_MAX,
        maxExportBatchSize: BATCH_MAX,
        scheduledDelayMillis: BATCH_DELAY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const spans = provider.getTracer('trunkline', options.version);

  const contextOf = (parent: string | undefined) => {
    const [, traceId = '', spanId = '', flags = '00'] = TRACEPARENT.exec(parent ?? '') ?? [];
    if (traceId === '' || ZEROS.test(traceId) || ZEROS.test(spanId)) return api.ROOT_CONTEXT;
    const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
    return api.trace.setSpanContext(api.ROOT_CONTEXT, context);
  };

  const tracer: Tracer = {
    start(name: string, attributes: SpanAttributes, parent?: string): Span {
      const span = spans.startSpan(
        toText(name),
        { kind: api.SpanKind.SERVER, attributes: toAttributes(attributes) },
        contextOf(parent),
      );
      return {
        set: (more) => void span.setAttributes(toAttributes(more)),
        fail: (code, message) => {
          span.setAttribute('trunkline.code', code);
          span.setStatus({ code: api.SpanStatusCode.ERROR, message: toText(message) });
        },
        end: () => span.end(),
      };
    },
  };
  logger.info({ endpoint: withoutSecrets(options.endpoint), sampleRatio: options.sampleRatio }, 'traces on');
  return {
    tracer,
    dispose: () =>
      provider.shutdown().catch((err: unknown) => logger.warn({ err }, 'last spans were not taken')),
  };
}

function toAttributes(attributes: SpanAttributes): SpanAttributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === 'string' ? toText(value) : value,
    ]),
  );
}

/** Bounded, and Unicode: a collector refuses a whole batch for half a character, and with it the spans of everybody else. */
function toText(text: string): string {
  return Buffer.from(text.slice(0, TEXT_MAX)).toString();
}

function withoutSecrets(endpoint: string): string {
  const url = new URL(endpoint);
  return `${url.origin}${url.pathname}`;
}
