/**
 * Who is at the other end. The address of the socket counts, unless that is a configured proxy: then `X-Forwarded-For` is walked from
 * its right end, as long as each hop is a configured proxy too. Whatever a stranger writes into the header is never looked at.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

export interface Peer {
  /** Without zone, IPv4 in its dotted form; '' where the socket has none. */
  readonly address: string;
  /** `X-Forwarded-Proto` of a trusted proxy, lower case. */
  readonly forwardedProto?: string;
}

export type PeerResolver = (socketAddress: string | undefined, headers: IncomingHttpHeaders) => Peer;

/** `trustedProxies`: addresses or CIDR blocks. Throws a RangeError that names the entry at fault. */
export function createPeerResolver(trustedProxies: readonly string[]): PeerResolver {
  const trusted = toBlockList(trustedProxies);
  const none = trustedProxies.length === 0;
  const isTrusted = (address: string): boolean =>
    !none && address !== '' && trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');

  return (socketAddress, headers) => {
    const direct = normalise(socketAddress ?? '') ?? '';
    if (!isTrusted(direct)) return { address: direct };
    const proto = lastOf(headers['x-forwarded-proto']);
    return {
      address: walk(direct, hopsOf(headers['x-forwarded-for']), isTrusted),
      ...(proto === undefined ? {} : { forwardedProto: proto.toLowerCase() }),
    };
  };
}

/** What one party usually holds: an IPv4 address, or an IPv6 network of /64. For limits that must not be dodged by renumbering. */
export function addressBlock(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const left = groupsOf(head);
  if (tail !== undefined) {
    const right = groupsOf(tail);
    while (left.length + right.length < 8) left.push('0');
    left.push(...right);
  }
  return `${left.slice(0, 4).map(canonicalGroup).join(':')}::/64`;
}

function walk(direct: string, hops: readonly string[], isTrusted: (address: string) => boolean): string {
  let address = direct;
  for (let index = hops.length - 1; index >= 0; index--) {
    const hop = normalise(hops[index] ?? '');
    if (hop === undefined) return address;
    address = hop;
    if (!isTrusted(hop)) return address;
  }
  return address;
}

function hopsOf(header: string | string[] | undefined): readonly string[] {
  if (header === undefined) return [];
  return (Array.isArray(header) ? header.join(',') : header).split(',').map((hop) => hop.trim());
}

function lastOf(header: string | string[] | undefined): string | undefined {
  const last = hopsOf(header).at(-1);
  return last === '' ? undefined : last;
}

/** Undefined for what is no address. Ports and brackets of proxies that add them are removed, and so is an IPv6 zone. */
function normalise(text: string): string | undefined {
  const bare = text.replace(/^\[([^\]]*)\](:\d+)?$/, '$1').replace(/%.*$/, '');
  const withoutPort = /^\d+\.\d+\.\d+\.\d+:\d+$/.test(bare) ? bare.slice(0, bare.indexOf(':')) : bare;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(withoutPort)?.[1];
  const address = mapped ?? withoutPort;
  return isIP(address) === 0 ? undefined : address.toLowerCase();
}

/** Text groups of one side of `::`; a dotted end counts as two. */
function groupsOf(side: string): string[] {
  if (side === '') return [];
  return side.split(':').flatMap((group) => (group.includes('.') ? ['v4', 'v4'] : [group]));
}

function canonicalGroup(group: string): string {
  return group.replace(/^0+(?=.)/, '').toLowerCase();
}

function toBlockList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [index, entry] of entries.entries()) {
    const slash = entry.indexOf('/');
    const address = normalise(slash < 0 ? entry : entry.slice(0, slash));
    const family = address !== undefined && isIPv4(address) ? 'ipv4' : 'ipv6';
    const bits = family === 'ipv4' ? 32 : 128;
    const prefix = slash < 0 ? bits : parsePrefix(entry.slice(slash + 1));
    if (address === undefined || prefix === undefined || prefix > bits) {
      throw new RangeError(`trustedProxies[${index}] must be an address or a CIDR block, got ${entry}`);
    }
    list.addSubnet(address, prefix, family);
  }
  return list;
}

function parsePrefix(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}
