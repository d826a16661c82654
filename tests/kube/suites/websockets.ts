/** Watches over WebSocket: one JSON document per text frame, and how a browser brings its token. */
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { configMap, configMaps, made, makeNamespace } from '../drafts.js';
import { tokenOf, type KubeTarget } from '../targets.js';

const BEARER = 'base64url.bearer.authorization.k8s.io.';
const BINARY = 'base64.binary.k8s.io';
const bearer = (user: string): string => `${BEARER}${Buffer.from(tokenOf(user)).toString('base64url')}`;

interface Opened {
  readonly socket: WebSocket;
  readonly frames: { readonly text: string; readonly binary: boolean }[];
  readonly closed: Promise<number>;
}

/** Resolves when it is open; rejects with the status of a refusal. */
function open(
  { place }: KubeTarget,
  path: string,
  protocols: string[],
  headers: Readonly<Record<string, string>>,
): Promise<Opened> {
  const { ca, url } = place;
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${path}`, protocols, {
    headers,
    ...(ca === undefined ? {} : { ca }),
  });
  const frames: Opened['frames'] = [];
  socket.on('message', (data: Buffer, binary) => void frames.push({ text: data.toString('utf8'), binary }));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ socket, frames, closed }));
    socket.on('unexpected-response', (_request, { statusCode }) => reject(new Error(String(statusCode))));
    socket.on('error', reject);
  });
}

export function webSocketSuite(use: () => KubeTarget): void {
  describe('watches over WebSocket', () => {
    it('[KSIM-20] events are text frames of one document each', async () => {
      const target = use();
      const path = configMaps(await makeNamespace(target.api));
      await made(target.api, path, configMap('a'));
      const headers = { origin: 'https://example.com', authorization: `Bearer ${tokenOf('admin')}` };
      const { socket, frames } = await open(target, `${path}?watch=true`, [], headers);
      await expect.poll(() => frames.length, { timeout: 10_000 }).toBe(1);
      await made(target.api, path, configMap('b'));
      await expect.poll(() => frames.length, { timeout: 10_000 }).toBe(2);
      socket.close();
      expect(frames.map(({ binary }) => binary)).toEqual([false, false]);
      expect(frames.map(({ text }) => JSON.parse(text) as unknown)).toMatchObject([
        { type: 'ADDED', object: { metadata: { name: 'a' } } },
        { type: 'ADDED', object: { metadata: { name: 'b' } } },
      ]);
    });

    it('[KSIM-20] the server ends it by a close when the time is over', async () => {
      const target = use();
      const path = configMaps(await makeNamespace(target.api));
      const headers = { origin: 'https://example.com', authorization: `Bearer ${tokenOf('admin')}` };
      const { frames, closed } = await open(target, `${path}?watch=true&timeoutSeconds=1`, [], headers);
      await closed;
      expect(frames).toEqual([]);
    });

    it('[KSIM-21] without an origin it is refused with 403', async () => {
      const target = use();
      const headers = { authorization: `Bearer ${tokenOf('admin')}` };
      await expect(open(target, '/api/v1/configmaps?watch=true', [], headers)).rejects.toThrow('403');
    });

    it('[KSIM-21] a token may come as a sub-protocol beside exactly one other, which is selected', async () => {
      const target = use();
      const path = `${configMaps(await makeNamespace(target.api))}?watch=true`;
      const headers = { origin: 'https://example.com' };
      const { socket } = await open(target, path, [bearer('admin'), BINARY], headers);
      expect(socket.protocol).toBe(BINARY);
      socket.close();
      await expect(open(target, path, [bearer('alice'), BINARY], headers)).rejects.toThrow('403');
      await expect(open(target, path, [`${BEARER}d3Jvbmc`, BINARY], headers)).rejects.toThrow('401');
      await expect(open(target, path, [bearer('admin')], headers)).rejects.toThrow(/40[013]/);
    });
  });
}
