/** The documents of a whole server, and every example of them sent to it as a reader would. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@trunkline/base';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServer, type StartedServer, type TrunklineServer } from '../compose.js';
import { loadConfig } from '../config/load.js';

interface Media {
  readonly schema: object;
  readonly example?: unknown;
}
interface Operation {
  readonly requestBody?: { readonly content: { readonly 'application/json': Media } };
  readonly responses: { readonly 200: { readonly content: { readonly 'application/json': Media } } };
}

let cwd: string;
let server: TrunklineServer;
let started: StartedServer;
let key: string;

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'trunkline-examples-'));
  server = createServer(loadConfig({ cwd, flags: ['--dev', '--port', '0'] }), { logger: silentLogger });
  started = await server.start();
  ({ apiKey: key } = JSON.parse(readFileSync(started.stateFile ?? '', 'utf8')) as { apiKey: string });
});

afterAll(async () => {
  await server.stop();
  rmSync(cwd, { recursive: true, force: true });
});

describe('examples', () => {
  it('[ADOC-3] a request made of each example is answered with 200 and what the schema of the answer says', async () => {
    const document = (await (await fetch(`${started.url}/openapi.json`)).json()) as {
      paths: Record<string, { post?: Operation }>;
      components: object;
    };
    const ajv = new Ajv2020({ strict: false });
    const tried: string[] = [];
    for (const [path, { post }] of Object.entries(document.paths)) {
      const body = post?.requestBody?.content['application/json'].example;
      if (!post || body === undefined) continue;
      const answer = await fetch(`${started.url}${path}`, {
        method: 'POST',
        headers: { 'x-api-key': key },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      expect(answer.status, `${path} ${text}`).toBe(200);
      expect(text, path).toMatch(/^\{"(result|replies)":/);
      const { schema } = post.responses[200].content['application/json'];
      const validate = ajv.compile({ ...schema, components: document.components });
      expect(validate(JSON.parse(text)), `${path}: ${ajv.errorsText(validate.errors)} in ${text}`).toBe(true);
      tried.push(path);
    }
    expect(tried.length).toBeGreaterThan(20);
  });

  it('[ADOC-4] the wire is described where it is spoken', async () => {
    const { channels } = (await (await fetch(`${started.url}/asyncapi.json`)).json()) as {
      channels: Record<string, { address: string | null }>;
    };
    expect(channels['connection']?.address).toBe('/connection/websocket');
  });

  it('[API-24] the namespaces of a real server hold every option', async () => {
    const { result } = (await (
      await fetch(`${started.url}/api/namespaces`, { method: 'POST', headers: { 'x-api-key': key } })
    ).json()) as { result: { namespaces: Record<string, unknown>[] } };
    const names = result.namespaces.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['', '*', 'map', 'node']));
    for (const namespace of result.namespaces)
      expect(namespace).toMatchObject({
        allow_subscribe: expect.any(Array) as unknown,
        map: expect.any(Object) as unknown,
      });
  });
});
