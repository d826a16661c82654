import { describe, expect, test } from 'vitest';
import { CliError } from './exit.js';
import { resolveSettings, socketUrl } from './settings.js';
import { createFakeIo } from './testing.js';

const state = {
  '/project/.trunkline/dev.json': JSON.stringify({
    url: 'http://127.0.0.1:8123',
    apiKey: 'dev-key',
    token: 'dev-token',
  }),
};

describe('where to connect', () => {
  test('[CLI-1] without anything it is the default address, without credentials', () => {
    expect(resolveSettings(createFakeIo(), {})).toEqual({
      url: 'http://localhost:8000',
      apiKey: undefined,
      keyFromState: false,
      token: undefined,
      tokenFromState: false,
      org: undefined,
      source: 'default',
    });
  });

  test('[CLI-1] a development server of this folder or above is found', () => {
    expect(resolveSettings(createFakeIo({ files: state }), {})).toMatchObject({
      url: 'http://127.0.0.1:8123',
      apiKey: 'dev-key',
      keyFromState: true,
      token: 'dev-token',
      source: 'development server',
    });
    expect(resolveSettings(createFakeIo({ files: state, cwd: '/elsewhere' }), {}).source).toBe('default');
  });

  test('[CLI-1] flags win over the environment, the environment over the state file', () => {
    const io = createFakeIo({
      files: state,
      env: { TRUNKLINE_URL: 'https://live.example.org/', TRUNKLINE_API_KEY: 'env-key', TRUNKLINE_TOKEN: '' },
    });
    expect(resolveSettings(io, {})).toMatchObject({
      url: 'https://live.example.org',
      apiKey: 'env-key',
      token: undefined,
      source: 'environment',
    });
    expect(
      resolveSettings(io, {
        url: 'http://a:1',
        apiKey: 'flag-key',
        token: 't',
        org: 'acme',
      }),
    ).toEqual({
      url: 'http://a:1',
      apiKey: 'flag-key',
      keyFromState: false,
      token: 't',
      tokenFromState: false,
      org: 'acme',
      source: 'flag',
    });
  });

  test("[CLI-2] the development server's key goes to that server only", () => {
    const io = createFakeIo({ files: state });
    expect(resolveSettings(io, { url: 'http://127.0.0.1:8123/' }).apiKey).toBe('dev-key');
    expect(resolveSettings(io, { url: 'https://other.example.org' })).toMatchObject({
      apiKey: undefined,
      token: undefined,
    });
  });

  test('[CLI-1] addresses are taken as people write them', () => {
    const url = (given: string): string => resolveSettings(createFakeIo(), { url: given }).url;
    expect(url('localhost:9000')).toBe('http://localhost:9000');
    expect(url('ws://localhost:9000/connection/websocket')).toBe('http://localhost:9000');
    expect(url('https://example.org/live/')).toBe('https://example.org/live');
    expect(socketUrl(resolveSettings(createFakeIo(), { url: 'https://example.org/live' }))).toBe(
      'wss://example.org/live/connection/websocket',
    );
    expect(() => url('ftp://example.org')).toThrow(CliError);
    expect(() => url('http://')).toThrow('is no server address');
  });

  test('[CLI-1] a state file that is none says so', () => {
    expect(() =>
      resolveSettings(createFakeIo({ files: { '/project/.trunkline/dev.json': '{' } }), {}),
    ).toThrow('is not the state file of a development server');
  });
});
