/**
 * What this product adds to the native wire, as JSON text that travels inside payload fields (docs/spec/extensions.md). The text is the
 * same on every codec; only the way a payload is carried differs.
 */
import { jsonOf } from './json-text.js';
import type {
  CallPush,
  ConnectResult,
  DrainPush,
  GapPush,
  Payload,
  SourcePush,
  SourceState,
  SubscribeResult,
} from './model.js';

/** Data of a connect reply: in the envelope where extensions were granted (spec EXT-2). */
export function connectData({ extensions, version, limits, data }: ConnectResult): Payload | undefined {
  return extensions.length === 0 ? data : envelope(JSON.stringify({ extensions, version, limits }), data);
}

/** Data of a subscribe reply: in the envelope where something is announced (spec EXT-3). */
export function subscribeData({ announced, data }: SubscribeResult): Payload | undefined {
  if (announced === undefined) return data;
  const { class: channelClass, outcome, source } = announced;
  return envelope(JSON.stringify({ class: channelClass, outcome, source }), data);
}

function envelope(ours: string, data: Payload | undefined): string {
  return data === undefined ? `{"tl":${ours}}` : `{"tl":${ours},"data":${jsonOf(data)}}`;
}

/** Data of the message push that carries one of ours (spec EXT-4). */
export function extensionMessage(push: GapPush | SourcePush | DrainPush | CallPush): string {
  switch (push.kind) {
    case 'gap': {
      const { channel, epoch, from, to, reason } = push;
      return JSON.stringify({ tl: { gap: { channel, epoch, from, to, reason } } });
    }
    case 'source':
      return JSON.stringify({ tl: { source: { channel: push.channel, ...sourceFields(push.source) } } });
    case 'drain':
      return JSON.stringify({ tl: { drain: { withinMs: push.withinMs } } });
    case 'call':
      return `{"tl":{"call":{"id":${JSON.stringify(push.callId)},"method":${JSON.stringify(push.method)},"data":${jsonOf(push.data)}}}}`;
  }
}

function sourceFields(source: SourceState): object {
  return source.state === 'live'
    ? { state: 'live' }
    : { state: source.state, sinceMs: source.sinceMs, reason: source.reason };
}
