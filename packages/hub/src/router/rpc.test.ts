import { CodedError } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { defineModule, type CallContext } from '../ports/index.js';
import { createTestHub, testPrincipal } from '../testing.js';

async function setUp() {
  const { hub, clock } = createTestHub();
  const calls: { readonly params: unknown; readonly call: CallContext }[] = [];
  const shop = defineModule({
    id: 'shop',
    start: () => ({
      rpc: {
        'shop.buy': {
          handle: (params: unknown, call: CallContext) => {
            calls.push({ params, call });
            return { result: { sold: 1 }, after: { channel: 'room:1', position: { epoch: 'e', offset: 2 } } };
          },
        },
        'shop.wait': {
          handle: (params: unknown, call: CallContext) => {
            calls.push({ params, call });
            return new Promise<never>(() => undefined);
          },
        },
        'shop.refuse': { handle: () => Promise.reject(new CodedError('conflict', 'sold out')) },
      },
    }),
  });
  await hub.use(shop(undefined));
  const gone = new AbortController();
  const caller: CallContext = {
    principal: testPrincipal({ org: 'acme', user: 'apikey:backend' }),
    client: '',
    requestId: 'r-1',
    signal: gone.signal,
  };
  return { api: hub.forOrg('acme'), clock, calls, caller, gone };
}

describe('calls without a connection', () => {
  it('[API-28] reach the method with who calls, and the outcome comes back whole', async () => {
    const { api, calls, caller } = await setUp();
    expect(await api.rpc('shop.buy', { item: 5 }, caller)).toEqual({
      result: { sold: 1 },
      after: { channel: 'room:1', position: { epoch: 'e', offset: 2 } },
    });
    expect(calls).toMatchObject([
      { params: { item: 5 }, call: { client: '', requestId: 'r-1', principal: { user: 'apikey:backend' } } },
    ]);
  });

  it('[API-28] are refused like those of clients, and a principal of another org in any case', async () => {
    const { api, calls, caller } = await setUp();
    await expect(api.rpc('shop.refuse', {}, caller)).rejects.toMatchObject({ code: 1003 });
    await expect(api.rpc('shop.nothing', {}, caller)).rejects.toMatchObject({ code: 108 });
    const stranger = { ...caller, principal: testPrincipal({ org: 'umbrella' }) };
    await expect(api.rpc('shop.buy', {}, stranger)).rejects.toMatchObject({ code: 103 });
    expect(calls).toEqual([]);
  });

  it('[API-28] end at the deadline; the method learns of it, and of a caller who hung up', async () => {
    const { api, clock, calls, caller, gone } = await setUp();
    const late = expect(api.rpc('shop.wait', {}, caller)).rejects.toMatchObject({ code: 1001 });
    await clock.advance(30_000);
    await late;
    expect(calls[0]?.call.signal.aborted).toBe(true);
    void api.rpc('shop.wait', {}, caller).catch(() => undefined);
    await Promise.resolve();
    expect(calls[1]?.call.signal.aborted).toBe(false);
    gone.abort();
    expect(calls[1]?.call.signal.aborted).toBe(true);
  });
});
