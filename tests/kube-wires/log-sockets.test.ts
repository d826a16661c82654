/** Logs of pods as consoles that exist read them: a WebSocket of their own, to the simulated API server. */
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '@trunkline/testkit';
import { grant, putPod, startBed, type Bed, type Socket } from './bed.js';

let bed: Bed | undefined;
afterEach(async () => {
  await bed?.stop();
  bed = undefined;
});

const LOG = '/clusters/demo/api/v1/namespaces/default/pods/web/log?container=main&previous=false';
const protocols = ['base64.binary.k8s.io', 'base64url.headlamp.authorization.k8s.io.someone'];

function textOf({ texts }: Socket): string {
  return texts.map((text) => Buffer.from(text, 'base64').toString()).join('');
}

describe('a log over a WebSocket', () => {
  it('[KWIRE-66] follow=true shows lines as they come and ends with the right; follow=false ends with 1000 behind its lines', async () => {
    bed = await startBed({ demo: { mode: 'impersonate', exec: false } });
    const { sim, socket } = bed;
    putPod(sim, 'web');
    sim.logs.append('default', 'web', 'main', 'one', 'two', 'three');
    const refused = (await socket(`${LOG}&follow=true`, { protocols })).refused;
    expect(refused).toMatchObject({
      status: 403,
      body: expect.stringContaining('cannot get resource \\"pods/log\\"') as string,
    });
    const revoke = grant(sim, 'ada', 'default', ['pods/log'], ['get']);
    const whole = await socket(`${LOG}&follow=false&tailLines=2`, { protocols });
    expect([whole.refused, whole.ws.protocol]).toEqual([undefined, 'base64.binary.k8s.io']);
    expect(await whole.end()).toEqual({ code: 1000, reason: '' });
    expect(textOf(whole)).toBe('two\nthree\n');
    const live = await socket(`${LOG}&follow=true&tailLines=1`, { protocols });
    await until('the last line', () => textOf(live) === 'three\n', 20_000);
    sim.logs.append('default', 'web', 'main', 'four');
    await until('the next line', () => textOf(live) === 'three\nfour\n', 20_000);
    const other = await socket(`${LOG}&follow=true&tailLines=0`, { protocols });
    await until('two logs', () => sim.stats().openLogs === 2, 20_000);
    other.ws.close();
    await until('one log', () => sim.stats().openLogs === 1, 20_000);
    revoke();
    expect((await live.end()).code).toBe(3507);
    sim.logs.append('default', 'web', 'main', 'five');
    await until('the end there', () => sim.stats().openLogs === 0, 20_000);
    expect(textOf(live)).toBe('three\nfour\n');
  });
});
