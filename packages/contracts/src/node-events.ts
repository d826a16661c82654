/** What happened to an org's clients lately: the events that explain why somebody did not get a publication. */
import { z } from 'zod';
import { position } from './node-shapes.js';

const happened = {
  /** Where it happened. Absent: at the node that was asked. */
  node: z.string().optional(),
  /** Grows by one per event of the org on its node: a jump means that events between were not kept. */
  seq: z.number(),
  timeMs: z.number(),
  client: z.string(),
  /** '': anonymous. */
  user: z.string(),
};
const channel = z.string();
const code = z.number();

export const nodeEvent = z.discriminatedUnion('kind', [
  z.object({ ...happened, kind: z.literal('subscribeRefused'), channel, code, message: z.string() }),
  z.object({
    ...happened,
    kind: z.literal('recovered'),
    channel,
    from: position,
    to: position,
    publications: z.number(),
  }),
  z.object({
    ...happened,
    kind: z.literal('unrecovered'),
    channel,
    from: position,
    to: position,
    /** The epoch is over, the history was trimmed, more than one reply may hold, or a position beyond the newest. */
    reason: z.enum(['epoch', 'trimmed', 'limit', 'ahead']),
  }),
  z.object({
    ...happened,
    kind: z.literal('overflow'),
    channel,
    outcome: z.enum(['recover', 'latest', 'gap', 'close']),
    /** Offsets that did not go out as they came; 0: the channel numbers nothing. */
    from: z.number(),
    to: z.number(),
    dropped: z.number(),
  }),
  z.object({ ...happened, kind: z.literal('cut'), channel, code, reason: z.string(), position }),
  /** `code` 0: the client itself unsubscribed. */
  z.object({ ...happened, kind: z.literal('unsubscribed'), channel, code }),
  z.object({
    ...happened,
    kind: z.literal('disconnected'),
    code,
    reason: z.string(),
    by: z.enum(['server', 'client']),
  }),
]);

export const eventKind = z.enum([
  'subscribeRefused',
  'recovered',
  'unrecovered',
  'overflow',
  'cut',
  'unsubscribed',
  'disconnected',
]);

export type NodeEvent = z.output<typeof nodeEvent>;
export type NodeEventKind = z.output<typeof eventKind>;
