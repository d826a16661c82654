import { FakeClock } from '@trunkline/base/testing';
import { CodedError } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { createVisibility, type VisibilityDeps } from './visibility.js';

type Find = NonNullable<VisibilityDeps['findOrg']>;
type Scope = Awaited<ReturnType<Find>>;

function setUp(records: Record<string, Scope>, configured: Record<string, readonly string[]> = {}) {
  const clock = new FakeClock();
  const asked: string[] = [];
  let isAway = false;
  const findOrg: Find = async (org) => {
    asked.push(org);
    if (isAway) throw new Error('no database');
    return records[org];
  };
  const visibility = createVisibility({ clock, findOrg }, { home: 'home', configured });
  return { clock, asked, visibility, away: (away: boolean) => void (isAway = away) };
}

describe('who sees a cluster', () => {
  it('[KCON-3] the org of the console everything, and nobody is asked about it', async () => {
    const { visibility, asked } = setUp({});
    expect(await visibility.of('home', 'eu')).toEqual({});
    expect(asked).toEqual([]);
  });

  it('[KCON-3] others what their record or the configuration names, wholly or some namespaces', async () => {
    const { visibility } = setUp(
      {
        acme: {
          clusters: ['eu'],
          kubernetes: [
            { cluster: 'us', namespace: 'shop' },
            { cluster: 'us', namespace: 'web' },
            { cluster: 'eu', namespace: 'shop' },
          ],
        },
      },
      { open: ['*'], some: ['acme'] },
    );
    expect(await visibility.of('acme', 'eu')).toEqual({});
    expect(await visibility.of('acme', 'us')).toEqual({ namespaces: ['shop', 'web'] });
    expect(await visibility.of('acme', 'asia')).toBeUndefined();
    expect(await visibility.of('acme', 'some')).toEqual({});
    expect(await visibility.of('other', 'some')).toBeUndefined();
    expect(await visibility.of('other', 'open')).toEqual({});
    expect(await visibility.of('other', 'eu')).toBeUndefined();
  });

  it('[KCON-3] a record is read once in 1.5 s, and again when it changed here', async () => {
    const records: Record<string, Scope> = { acme: { clusters: ['eu'], kubernetes: [] } };
    const { visibility, asked, clock } = setUp(records);
    await visibility.of('acme', 'eu');
    await clock.advance(1_499);
    records['acme'] = { clusters: [], kubernetes: [] };
    expect(await visibility.of('acme', 'eu')).toEqual({});
    expect(asked).toEqual(['acme']);
    await clock.advance(1);
    expect(await visibility.of('acme', 'eu')).toBeUndefined();
    records['acme'] = { clusters: ['eu'], kubernetes: [] };
    visibility.forget('acme');
    expect(await visibility.of('acme', 'eu')).toEqual({});
    expect(asked).toHaveLength(3);
  });

  it('[KCON-3] a directory that is away is a temporary error, and asked again', async () => {
    const { visibility, away } = setUp({ acme: { clusters: ['eu'], kubernetes: [] } });
    away(true);
    const error: unknown = await visibility.of('acme', 'eu').catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(CodedError);
    expect(error).toMatchObject({ code: 1000, temporary: true });
    away(false);
    expect(await visibility.of('acme', 'eu')).toEqual({});
  });

  it('[KCON-3] without a directory only the configuration counts', async () => {
    const visibility = createVisibility(
      { clock: new FakeClock() },
      { home: 'home', configured: { eu: ['acme'] } },
    );
    expect(await visibility.of('acme', 'eu')).toEqual({});
    expect(await visibility.of('acme', 'us')).toBeUndefined();
  });
});
