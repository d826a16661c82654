import { describe, expect, it } from 'vitest';
import { addressBlock, createPeerResolver } from './peer-address.js';

const forwarded = (value: string): { 'x-forwarded-for': string } => ({ 'x-forwarded-for': value });

describe('peer address', () => {
  it('[WS-4] without a configured proxy the header is ignored', () => {
    const peerOf = createPeerResolver([]);
    expect(peerOf('203.0.113.9', { ...forwarded('1.1.1.1'), 'x-forwarded-proto': 'https' })).toEqual({
      address: '203.0.113.9',
    });
  });

  it('[WS-4] behind trusted hops, the first address that is no proxy counts', () => {
    const peerOf = createPeerResolver(['10.0.0.0/8', '::1']);
    expect(peerOf('10.1.2.3', forwarded('6.6.6.6, 198.51.100.7, 10.9.9.9')).address).toBe('198.51.100.7');
    expect(peerOf('::ffff:10.1.2.3', forwarded('198.51.100.7')).address).toBe('198.51.100.7');
    expect(peerOf('::1', forwarded('2001:DB8::5')).address).toBe('2001:db8::5');
    expect(peerOf('10.1.2.3', forwarded('10.4.4.4')).address).toBe('10.4.4.4');
    expect(peerOf('10.1.2.3', {}).address).toBe('10.1.2.3');
    expect(peerOf('11.1.2.3', forwarded('1.1.1.1')).address).toBe('11.1.2.3');
  });

  it('[WS-4] ports and brackets are understood; nonsense ends the walk at the last known hop', () => {
    const peerOf = createPeerResolver(['10.0.0.0/8']);
    expect(peerOf('10.0.0.1', forwarded('198.51.100.7:4711')).address).toBe('198.51.100.7');
    expect(peerOf('10.0.0.1', forwarded('[2001:db8::1]:443')).address).toBe('2001:db8::1');
    expect(peerOf('10.0.0.1', forwarded('1.1.1.1, unknown, 10.0.0.2')).address).toBe('10.0.0.2');
    expect(peerOf('10.0.0.1', forwarded('1.1.1.1,')).address).toBe('10.0.0.1');
    expect(peerOf(undefined, {}).address).toBe('');
  });

  it('[WS-4] the protocol a trusted proxy saw is known', () => {
    const peerOf = createPeerResolver(['10.0.0.1']);
    expect(peerOf('10.0.0.1', { 'x-forwarded-proto': 'HTTPS' }).forwardedProto).toBe('https');
    expect(peerOf('10.0.0.2', { 'x-forwarded-proto': 'https' }).forwardedProto).toBeUndefined();
  });

  it('[WS-4] a bad entry is named', () => {
    for (const bad of ['10.0.0.0/33', 'proxy.internal', '10.0.0.0/', '::/129', '']) {
      expect(() => createPeerResolver(['127.0.0.1', bad])).toThrow(/trustedProxies\[1\]/);
    }
  });

  it('[WS-5] an IPv6 party is its /64', () => {
    expect(addressBlock('203.0.113.9')).toBe('203.0.113.9');
    expect(addressBlock('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(addressBlock('2001:0db8:0001:0002::9')).toBe('2001:db8:1:2::/64');
    expect(addressBlock('2001:db8::9')).toBe('2001:db8:0:0::/64');
    expect(addressBlock('::1')).toBe('0:0:0:0::/64');
    expect(addressBlock('64:ff9b::192.0.2.1')).toBe('64:ff9b:0:0::/64');
  });
});
