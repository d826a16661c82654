import { describe, expect, it } from 'vitest';
import { createOriginRule } from './origin.js';

const ask = (
  allowed: readonly string[],
  origin: string | undefined,
  host: string | undefined,
  secure = false,
): boolean => createOriginRule(allowed)({ origin, host, secure });

describe('origin rule', () => {
  it('[WS-3] no origin is no browser', () => {
    expect(ask([], undefined, 'a.example')).toBe(true);
  });

  it('[WS-3] the own origin is allowed, default ports written or not', () => {
    expect(ask([], 'https://a.example', 'a.example')).toBe(true);
    expect(ask([], 'https://a.example', 'A.example:443')).toBe(true);
    expect(ask([], 'http://a.example:8000', 'a.example:8000')).toBe(true);
    expect(ask([], 'http://a.example:8001', 'a.example:8000')).toBe(false);
    expect(ask([], 'https://a.example.evil.test', 'a.example')).toBe(false);
    expect(ask([], 'https://a.example', undefined)).toBe(false);
  });

  it('[WS-3] over TLS a page without TLS is foreign', () => {
    expect(ask([], 'http://a.example', 'a.example', true)).toBe(false);
    expect(ask([], 'https://a.example', 'a.example', true)).toBe(true);
  });

  it('[WS-3] configured origins are compared whole', () => {
    const allowed = ['https://console.example.com', 'http://localhost:5173/'];
    expect(ask(allowed, 'https://console.example.com', 'x')).toBe(true);
    expect(ask(allowed, 'http://localhost:5173', 'x')).toBe(true);
    expect(ask(allowed, 'http://console.example.com', 'x')).toBe(false);
    expect(ask(allowed, 'https://console.example.com.evil.test', 'x')).toBe(false);
  });

  it('[WS-3] `null`, credentials and other schemes are foreign unless any origin is asked for', () => {
    for (const origin of [
      'null',
      'file://',
      'https://a.example@evil.test',
      'chrome-extension://a.example',
      'nonsense',
    ]) {
      expect(ask([], origin, 'a.example')).toBe(false);
      expect(ask(['*'], origin, 'a.example')).toBe(true);
    }
  });

  it('[WS-18] with loopback only, a rebound name is foreign although origin and host agree', () => {
    const rule = createOriginRule(['https://tools.example'], true);
    const from = (host: string) => rule({ origin: `http://${host}`, host, secure: false });
    expect(from('evil.test:8000')).toBe(false);
    expect(from('127.0.0.1.evil.test:8000')).toBe(false);
    for (const host of ['localhost:8000', 'app.localhost:8000', '127.0.0.1:8000', '[::1]:8000'])
      expect(from(host)).toBe(true);
    expect(rule({ origin: 'https://tools.example', host: 'localhost:8000', secure: false })).toBe(true);
  });

  it('[WS-3] a bad entry is named', () => {
    for (const bad of ['console.example.com', 'https://a.example/path', 'https://*.example.com/', '']) {
      expect(() => createOriginRule(['*', 'https://a.example', bad])).toThrow(/allowedOrigins\[2\]/);
    }
  });
});
