import { settle } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveLog, type LiveLog, type LogOptions } from './live-log.js';
import { openBed, STRATEGIES, type Bed } from './testing/bed.js';
import { refusal } from './testing/fake-kube.js';

const CHANNEL = 'kubelog:one/default/web/main';
const line = (second: number): { time: string; text: string } => ({
  time: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z`,
  text: `line ${second}`,
});

describe.each(STRATEGIES)('live log, %s', (strategy) => {
  let bed: Bed;
  let log: LiveLog;

  function open(options: Partial<LogOptions> = {}): LiveLog {
    const where = { cluster: 'one', namespace: 'default', pod: 'web' };
    log = liveLog(bed.client, { ...where, ...options, ...bed.live });
    return log;
  }
  const write = (...seconds: number[]): void =>
    void bed.server.publish(CHANNEL, { lines: seconds.map((second) => line(second)) });
  const texts = (): string[] =>
    log.get().entries.map((entry) => (entry.kind === 'line' ? entry.text : `-- ${entry.reason}`));

  beforeEach(() => {
    bed = openBed(strategy);
    bed.kube.answers.set('kube.log', () => ({ channel: CHANNEL }));
  });
  afterEach(() => {
    log.close();
    bed.dispose();
  });

  it('[KSDK-11] what the channel holds, then every line; one notification for many', async () => {
    write(1, 2);
    write(3);
    open({ container: 'main', tail: 10 });
    expect(log.get()).toMatchObject({ state: 'loading', entries: [], ended: undefined });
    await settle();
    expect(log.get().state).toBe('live');
    expect(texts()).toEqual(['line 1', 'line 2', 'line 3']);
    expect(bed.kube.calls.get('kube.log')).toEqual([
      { cluster: 'one', namespace: 'default', pod: 'web', container: 'main', tail: 10 },
    ]);
    const before = log.get().entries;
    write(4);
    await settle();
    expect(texts().at(-1)).toBe('line 4');
    expect(log.get().entries.slice(0, 3)).toEqual(before);
    bed.server.publish(CHANNEL, { gap: { reason: 'reconnected' } });
    bed.server.publish(CHANNEL, { end: { reason: 'terminated' } });
    await settle();
    expect(texts().at(-1)).toBe('-- reconnected');
    expect(log.get().ended).toBe('terminated');
  });

  it('[KSDK-15] a log of which nothing was shown is loading, with the reason where something is wrong', async () => {
    bed.kube.source(CHANNEL, { state: 'recovering', sinceMs: 3, reason: 'opening' });
    open();
    await settle();
    expect(log.get()).toMatchObject({ state: 'loading', sinceMs: 3, reason: undefined });
    bed.kube.source(CHANNEL, { state: 'recovering', sinceMs: 3, reason: 'waiting to start' });
    await settle();
    expect(log.get()).toMatchObject({ state: 'loading', reason: 'waiting to start' });
    write(1);
    await settle();
    expect(log.get()).toMatchObject({ state: 'stale', reason: 'waiting to start' });
    bed.kube.source(CHANNEL, { state: 'live' });
    await settle();
    expect(log.get().state).toBe('live');
  });

  it('[KSDK-11] a long history is read page by page', async () => {
    bed.server.channel(CHANNEL).historySize = 10_000;
    for (let n = 0; n < 2_500; n++) bed.server.channel(CHANNEL).append({ lines: [{ text: `${n}` }] });
    open();
    await settle();
    await bed.pass(10);
    expect(log.get().entries).toHaveLength(2_500);
    expect(texts().at(-1)).toBe('2499');
  });

  it('[KSDK-11] a lost connection costs no line that the channel still has, and a mark where it has not', async () => {
    write(1);
    open();
    await settle();
    bed.kube.cutAll();
    bed.server.channel(CHANNEL).append({ lines: [line(2)] });
    await bed.pass(3_000);
    expect(texts()).toEqual(['line 1', 'line 2']);
    bed.kube.cutAll();
    const channel = bed.server.channel(CHANNEL);
    for (const second of [3, 4, 5]) channel.append({ lines: [line(second)] });
    channel.history = channel.history.slice(-1);
    await bed.pass(5_000);
    expect(texts().slice(2)).toEqual(['-- lines were lost on the way', 'line 5']);
    expect(log.get().state).toBe('live');
  });

  it('[KSDK-11] on another node the log is read again from its tail, and continues behind the last known line', async () => {
    write(1, 2, 3);
    open();
    await settle();
    bed.kube.cutAll();
    const channel = bed.server.channel(CHANNEL);
    channel.epoch = 'e2';
    channel.top = 0;
    channel.history = [];
    channel.append({ lines: [line(2), line(3), line(4)] });
    await bed.pass(5_000);
    expect(texts()).toEqual(['line 1', 'line 2', 'line 3', 'line 4']);
    expect(log.get().state).toBe('live');
  });

  it('[KSDK-11] rights that end are asked about; the lines stay and the state says so', async () => {
    write(1);
    open();
    await settle();
    bed.kube.answers.set('kube.log', () => {
      throw refusal(1308, 'cannot get pods/log');
    });
    bed.kube.unsubscribe(CHANNEL, 2101);
    await settle();
    expect(log.get()).toMatchObject({ state: 'failed', error: { code: 1308 } });
    expect(texts()).toEqual(['line 1']);
    bed.kube.answers.set('kube.log', () => ({ channel: CHANNEL }));
    log.retry();
    await settle();
    write(2);
    await settle();
    expect(log.get().state).toBe('live');
    expect(texts()).toEqual(['line 1', 'line 2']);
  });

  it('[KSDK-11] a refused log is failed with the words of the cluster, and closing ends all', async () => {
    bed.kube.answers.set('kube.log', () => {
      throw refusal(1309, 'not found in cluster: pods "web"');
    });
    open();
    await settle();
    expect(log.get()).toMatchObject({ state: 'failed', error: { code: 1309 } });
    expect(log.get().reason).toContain('pods "web"');
    log.close();
    const asked = bed.kube.count('kube.log');
    await bed.pass(90_000);
    expect(bed.kube.count('kube.log')).toBe(asked);
  });

  it('[KSDK-11] bounds are checked by name', () => {
    open();
    const where = { cluster: 'one', namespace: 'default', pod: 'web' };
    expect(() => liveLog(bed.client, { ...where, maxLines: 0 })).toThrow(/maxLines/);
    expect(() => liveLog(bed.client, { ...where, pod: '' })).toThrow(/pod/);
  });
});
