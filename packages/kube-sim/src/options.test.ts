import { describe, expect, it } from 'vitest';
import { resolveKubeSimOptions } from './options.js';
import { createTestKubeSim } from './testing.js';
import { resolveWorkloadOptions } from './workload/options.js';

describe('options', () => {
  it.each([
    [{ port: -1 }, 'port'],
    [{ bookmarkIntervalMs: 0 }, 'bookmarkIntervalMs'],
    [{ bookmarkBeforeEndMs: -1 }, 'bookmarkBeforeEndMs'],
    [{ minWatchTimeoutMs: Number.NaN }, 'minWatchTimeoutMs'],
    [{ watchCacheSize: 0 }, 'watchCacheSize'],
    [{ continueTtlMs: 0 }, 'continueTtlMs'],
    [{ maxSnapshots: 0 }, 'maxSnapshots'],
    [{ logLinesPerContainer: 0 }, 'logLinesPerContainer'],
    [{ maxLogs: 0 }, 'maxLogs'],
    [{ initialVersion: 0 }, 'initialVersion'],
    [{ pathPrefix: 'k8s' }, 'pathPrefix'],
    [{ pathPrefix: '/k8s/' }, 'pathPrefix'],
  ])('[KSIM-60] %j is refused by name', (given, field) => {
    expect(() => resolveKubeSimOptions(given)).toThrow(new RegExp(`^${field} must`));
  });

  it.each([
    [{ pods: -1 }, 'pods'],
    [{ eventsPerSecond: -1 }, 'eventsPerSecond'],
    [{ namespaces: 0 }, 'namespaces'],
    [{ tickMs: 0 }, 'tickMs'],
    [{ maxEvents: 0 }, 'maxEvents'],
    [{ maxStories: 0 }, 'maxStories'],
    [{ populateSlice: 0 }, 'populateSlice'],
  ])('[KSIM-60] a workload with %j is refused by name', (given, field) => {
    expect(() => resolveWorkloadOptions(given)).toThrow(new RegExp(`^${field} must`));
  });

  it('[KSIM-60] there is no address before the start', () => {
    expect(() => createTestKubeSim().sim.url).toThrow('before start()');
  });
});
