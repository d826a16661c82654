/**
 * Channel names and the one place where an org meets a name. A `ChannelKey` identifies a channel on a node and between nodes; it
 * never travels to a client, and nothing but `channelKey` makes one (spec WALL-1).
 */
declare const keyBrand: unique symbol;

/** `org` and channel name joined; opaque. */
export type ChannelKey = string & { readonly [keyBrand]: true };

/** An org id: 1-64 characters of [a-zA-Z0-9._-]. It cannot hold the separator below. */
const ORG_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;
const SEPARATOR = '\u0000';

export function isOrgId(org: string): boolean {
  return ORG_PATTERN.test(org);
}

/** Throws on an org id that is not one: a broken invariant, since credentials are checked when they arrive. */
export function channelKey(org: string, channel: string): ChannelKey {
  if (!ORG_PATTERN.test(org)) throw new TypeError('org id expected');
  return (org + SEPARATOR + channel) as ChannelKey;
}

/** The parts of a key, for lists and logs inside the server. */
export function splitChannelKey(key: ChannelKey): { readonly org: string; readonly channel: string } {
  const at = key.indexOf(SEPARATOR);
  return { org: key.slice(0, at), channel: key.slice(at + 1) };
}

/** The namespace of a channel name: the part before the first `:`, or `''` (the default namespace) where there is none. */
export function namespaceOf(channel: string): string {
  const at = channel.indexOf(':');
  return at < 0 ? '' : channel.slice(0, at);
}

/** True for a name a client may send: 1 to `maxLength` characters, printable (no control characters, no lone surrogates). */
export function isChannelName(channel: string, maxLength: number): boolean {
  if (channel.length === 0 || channel.length > maxLength) return false;
  for (let index = 0; index < channel.length; index++) {
    const unit = channel.charCodeAt(index);
    if (unit < 0x20 || unit === 0x7f) return false;
    if (unit >= 0xd800 && unit <= 0xdfff) {
      const next = channel.charCodeAt(index + 1);
      if (unit >= 0xdc00 || !(next >= 0xdc00 && next <= 0xdfff)) return false;
      index++;
    }
  }
  return true;
}
