/** The foreign wires in front of an API server: what their clients have is in the end what a new list says, through bursts, a restart and an absence of their own. */
import { afterEach, describe, expect, it } from 'vitest';
import { givenCredential } from '@trunkline/kube-client';
import { until } from '@trunkline/testkit';
import { applied, ascends, startBed, type Bed, type WatchedEvent } from '../../kube-wires/bed.js';
import { configMap, configMaps, made, makeNamespace, pod, pods } from '../drafts.js';
import { tokenOf, type KubeTarget } from '../targets.js';

const from = (version: string): string => `watch=1&resourceVersion=${version}`;

export function wiresSuite(use: () => KubeTarget): void {
  describe('foreign wires', () => {
    let bed: Bed | undefined;
    afterEach(async () => {
      await bed?.stop();
      bed = undefined;
    });

    it('[KWIRE-5] on both, what a client has is in the end what a new list says', async () => {
      const { api, place, restart } = use();
      const { url: server, ca } = place;
      const credentials = givenCredential({ token: tokenOf('admin') });
      const connection = { server, credentials, ...(ca === undefined ? {} : { ca }) };
      bed = await startBed({ demo: { open: () => connection } });
      const { mux, socket } = bed;
      const path = configMaps(await makeNamespace(api));
      const add = (...names: string[]) =>
        Promise.all(names.map((name) => made(api, path, configMap(name, {}, { name }))));
      const remove = (...names: string[]) => Promise.all(names.map((name) => api.delete(`${path}/${name}`)));
      const listed = async () => {
        const { metadata, items } = (await api.get(path)).doc;
        const names = items.map((one): [string, string] => [String(one.metadata.uid), one.metadata.name]);
        return { version: metadata.resourceVersion, items: new Map(names) };
      };
      const many = (prefix: string, count: number): string[] =>
        Array.from({ length: count }, (_, index) => `${prefix}${index}`);

      await add(...many('a', 20));
      const begin = await listed();
      const [tab, own] = [await mux(), await socket(`/clusters/demo${path}?${from(begin.version)}`)];
      tab.request(path, from(begin.version));
      const readers = [
        () => tab.events(from(begin.version), path),
        () => own.texts.map((text) => JSON.parse(text) as WatchedEvent),
      ];
      const agree = async (what: string, start: typeof begin, seen: readonly (() => WatchedEvent[])[]) => {
        const { items } = await listed();
        const names = [...items].sort().join();
        for (const events of seen)
          await until(
            what,
            () => [...applied(events(), start.version, start.items).items].sort().join() === names,
          );
      };
      await add(...many('b', 60));
      await remove(...many('a', 5));
      await agree('the burst', begin, readers);
      await restart();
      await remove(...many('b', 10));
      await add(...many('c', 10));
      await agree('what the restart hid', begin, readers);
      const had = applied(readers[0]?.() ?? [], begin.version, begin.items);
      for (const { ws } of [tab.socket, own]) ws.terminate();
      await remove(...many('c', 5));
      await add(...many('d', 5));
      const again = await mux();
      again.request(path, from(had.version));
      const anew = () => again.events(from(had.version), path);
      await agree('who comes back', { version: had.version, items: new Map(had.items) }, [anew]);
      expect([...readers, anew].map((events) => ascends(events()))).toEqual([true, true, true]);
    });

    it('[KSIM-58] on both, a program in a container through the wire, and the words in which a pod is missed', async () => {
      const { api, place, node } = use();
      const { url: server, ca } = place;
      const credentials = givenCredential({ token: tokenOf('admin') });
      const connection = { server, credentials, ...(ca === undefined ? {} : { ca }) };
      const audit = (): Promise<void> => Promise.resolve();
      bed = await startBed({ audit, demo: { exec: true, open: () => connection } });
      const path = pods(await makeNamespace(api));
      await made(api, path, pod('runs', node));
      const exec = (name: string) =>
        bed?.socket(`/clusters/demo${path}/${name}/exec?command=cat&stdin=true&stdout=true`, {
          protocols: ['base64.binary.k8s.io', 'v4.channel.k8s.io'],
        });
      const one = await exec('runs');
      expect([one?.refused, one?.ws.protocol]).toEqual([undefined, 'v4.channel.k8s.io']);
      const sent = Buffer.from([0, ...Array.from({ length: 50_000 }, (_, index) => index % 251)]);
      one?.ws.send(sent);
      const got = () =>
        Buffer.concat(
          one?.frames.filter(({ data }) => data[0] === 1).map(({ data }) => data.subarray(1)) ?? [],
        );
      await until('the echo', () => got().length === 50_000);
      expect(got().equals(sent.subarray(1))).toBe(true);
      one?.ws.close(1000);
      const none = await exec('none');
      expect(none?.refused).toMatchObject({
        status: 404,
        body: expect.stringContaining('pods \\"none\\" not found') as string,
      });
    });

    it('[KWIRE-66] on both, a log through the wire: followed to its end in base64, read at once as bytes, refused in words', async () => {
      const { api, place, node, print, endLog } = use();
      const { url: server, ca } = place;
      const credentials = givenCredential({ token: tokenOf('admin') });
      const connection = { server, credentials, ...(ca === undefined ? {} : { ca }) };
      bed = await startBed({ demo: { open: () => connection } });
      const path = pods(await makeNamespace(api));
      const namespace = path.split('/')[4] ?? '';
      await made(api, path, pod('talker', node));
      print(namespace, 'talker', 'main', 'one', 'two');
      const log = (query: string, protocols: readonly string[] = []) =>
        (bed as Bed).socket(`/clusters/demo${path}/${query}`, { protocols });
      const live = await log('talker/log?container=main&follow=true&tailLines=1', [
        'base64.binary.k8s.io',
        'base64url.headlamp.authorization.k8s.io.someone',
      ]);
      const seen = (): string => live.texts.map((text) => Buffer.from(text, 'base64').toString()).join('');
      await until('the last line', () => seen() === 'two\n');
      print(namespace, 'talker', 'main', 'three');
      await until('a new line', () => seen() === 'two\nthree\n');
      const whole = await log('talker/log?follow=false');
      expect([whole.ws.protocol, (await whole.end()).code]).toEqual(['', 1000]);
      expect(Buffer.concat(whole.frames.map(({ data }) => data)).toString()).toBe('one\ntwo\nthree\n');
      endLog(namespace, 'talker', 'main');
      expect([live.ws.protocol, (await live.end()).code]).toEqual(['base64.binary.k8s.io', 1000]);
      expect((await log('none/log')).refused).toMatchObject({
        status: 404,
        body: expect.stringContaining('pods \\"none\\" not found') as string,
      });
    });
  });
}
