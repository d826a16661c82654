/** How publications are made here: with no more fields than they need, since exactly these are kept and travel. */
import type { ClientInfo, Payload, Publication, Tags } from '@trunkline/protocol';

/** A publication still being filled in. */
export type Draft = { -readonly [Field in keyof Publication]: Publication[Field] };

export function draft(
  offset: number,
  data: Payload,
  timeMs: number,
  tags: Tags | undefined,
  info: ClientInfo | undefined,
): Draft {
  const publication: Draft = { offset, data, timeMs };
  if (tags !== undefined) publication.tags = tags;
  if (info !== undefined) publication.info = info;
  return publication;
}
