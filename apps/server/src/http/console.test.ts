import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestApp, FakeHub, type TestApp } from './testing.js';

let test: TestApp;
let consoleDir: string;
beforeEach(async () => {
  consoleDir = mkdtempSync(join(tmpdir(), 'trunkline-console-'));
  mkdirSync(join(consoleDir, 'assets'));
  writeFileSync(join(consoleDir, 'index.html'), '<title>console</title>');
  writeFileSync(join(consoleDir, 'assets', 'app-1a2b.js'), 'run()');
  writeFileSync(join(consoleDir, '.env'), 'SECRET=1');
  test = await createTestApp(new FakeHub(), { consoleDir });
});
afterEach(async () => {
  await test.app.close();
  rmSync(consoleDir, { recursive: true, force: true });
});

async function inject(options: InjectOptions) {
  const response = await test.app.inject(options);
  return {
    status: response.statusCode,
    text: response.body,
    headers: response.headers,
    cookie: String(response.headers['set-cookie'] ?? ''),
  };
}

async function signIn(): Promise<string> {
  const { cookie } = await inject({ url: `/console/login?code=${test.sessions.createLinkCode()}` });
  return cookie.split(';')[0] ?? '';
}

describe('sign-in', () => {
  it('[DOOR-1] the link works once: cookie and redirect, then a page that says so', async () => {
    const url = `/console/login?code=${test.sessions.createLinkCode()}`;
    const first = await inject({ url });
    expect(first).toMatchObject({ status: 303, headers: { location: '/', 'cache-control': 'no-store' } });
    expect(first.cookie).toMatch(/HttpOnly; SameSite=Strict$/);
    const second = await inject({ url });
    expect(second).toMatchObject({ status: 403, cookie: '' });
    expect(second.text).toContain('does not work any more');
    expect((await inject({ url: '/console/login' })).status).toBe(403);
  });

  it('[DOOR-1] the code may be posted instead', async () => {
    const post = (payload: object) => inject({ method: 'POST', url: '/console/login', payload });
    expect(await post({ code: 'wrong' })).toMatchObject({ status: 401, cookie: '' });
    expect(await post({})).toMatchObject({
      status: 400,
      text: '{"error":{"code":107,"message":"bad request: code is required"}}',
    });
    const { status, text, cookie } = await post({ code: test.sessions.createLinkCode() });
    expect({ status, identity: JSON.parse(text) as object }).toEqual({
      status: 200,
      identity: {
        user: 'operator',
        org: 'acme',
        roles: ['admin', 'operator'],
        session: expect.stringMatching(/^mem_/) as string,
      },
    });
    expect(cookie).not.toBe('');
  });

  it('[DOOR-2] the session says who it is, gives tokens and ends', async () => {
    const cookie = await signIn();
    expect((await inject({ url: '/console/session' })).status).toBe(401);
    expect((await inject({ url: '/console/session', headers: { cookie: 'trunkline=forged' } })).status).toBe(
      401,
    );
    expect((await inject({ url: '/console/session', headers: { cookie } })).text).toMatch(
      /^\{"user":"operator","org":"acme","roles":\["admin","operator"\],"session":"mem_[\w-]{16}"\}$/,
    );
    expect((await inject({ method: 'POST', url: '/console/token' })).status).toBe(401);
    const { text } = await inject({ method: 'POST', url: '/console/token', headers: { cookie } });
    expect((JSON.parse(text) as { token: string }).token.split('.')).toHaveLength(3);
    expect((await inject({ method: 'POST', url: '/console/logout', headers: { cookie } })).cookie).toMatch(
      /Max-Age=0/,
    );
    expect((await inject({ url: '/console/session', headers: { cookie } })).status).toBe(401);
  });

  it.each([
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:1' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: 'http://localhost:80', 'sec-fetch-site': 'same-origin' }, 200],
    [{}, 200],
  ])('[DOOR-3] a token asked for by a page of %j is answered %i', async (headers, status) => {
    const cookie = await signIn();
    expect(
      (
        await inject({
          method: 'POST',
          url: '/console/token',
          headers: { host: 'localhost', cookie, ...headers },
        })
      ).status,
    ).toBe(status);
  });
});

describe('pages', () => {
  it('[DOOR-4] files are served, pages of the console get its first page, everything else is a coded 404', async () => {
    const html = { accept: 'text/html' };
    expect((await inject({ url: '/' })).text).toBe('<title>console</title>');
    expect(await inject({ url: '/assets/app-1a2b.js' })).toMatchObject({
      text: 'run()',
      headers: { 'cache-control': expect.stringContaining('immutable') as string },
    });
    expect(await inject({ url: '/channels/news?x=1', headers: html })).toMatchObject({
      status: 200,
      text: '<title>console</title>',
      headers: { 'cache-control': 'no-cache' },
    });
    expect(await inject({ url: '/channels/news' })).toMatchObject({
      status: 404,
      text: '{"error":{"code":1004,"message":"not found: nothing answers GET at this path"}}',
    });
    for (const url of ['/api', '/console/nothing', '/health', '/connection/other'])
      expect((await inject({ url, headers: html })).status).toBe(404);
    for (const url of ['/.env', '/../package.json', '/%2e%2e/package.json', '/assets/..%2f..%2fpackage.json'])
      expect((await inject({ url })).status).toBeGreaterThanOrEqual(400);
  });

  it('[DOOR-4] without a built console `/` says how to build it; with the console off there is nothing', async () => {
    const plain = await createTestApp(new FakeHub(), { consoleDir: join(consoleDir, 'nothing') });
    expect((await plain.app.inject({ url: '/' })).body).toContain('npm run build');
    await plain.app.close();
    const off = await createTestApp(new FakeHub(), { consoleDir, console: false });
    for (const url of ['/', '/console/session', '/console/login?code=x'])
      expect((await off.app.inject({ url, headers: { accept: 'text/html' } })).statusCode).toBe(404);
    await off.app.close();
  });

  it('[DOOR-5] every answer carries security headers; the policy lets pages speak WebSocket to this host only', async () => {
    for (const url of ['/', '/health/live', '/nowhere']) {
      const { headers } = await inject({ url, headers: { host: 'live.example:8443' } });
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
      });
      expect(headers['content-security-policy']).toContain(
        "connect-src 'self' ws://live.example:8443 wss://live.example:8443;",
      );
      expect(headers['content-security-policy']).toContain("script-src 'self';");
    }
    const { headers } = await inject({ url: '/', headers: { host: 'x; script-src *' } });
    expect(headers['content-security-policy']).toContain("connect-src 'self';");
    expect(headers['content-security-policy']).not.toContain('*');
  });
});
