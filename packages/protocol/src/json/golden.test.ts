/** Golden frames: every file of packages/protocol/fixtures, both ways where both exist. The same files are for every codec of this wire. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromUtf8 } from '../bytes.js';
import type { Push, Reply } from '../model.js';
import { createJsonCodec } from './codec.js';

interface Golden {
  readonly direction: 'command' | 'reply' | 'push';
  readonly cases: readonly { readonly title: string; readonly json: string; readonly model: unknown }[];
}

const FOLDER = new URL('../../fixtures/', import.meta.url);
const LIMITS = { maxCommands: 10, maxDepth: 64 };
const codec = createJsonCodec();

/** Fixtures are JSON: maps are `{"$map": [[key, value]]}`, bytes `{"$bytes": [0, 1]}`. */
function revive(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$map' in value) return new Map(value.$map as [string, unknown][]);
  if ('$bytes' in value) return new Uint8Array(value.$bytes as number[]);
  return value;
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

/** Every kind has a file; a new kind without one fails here. */
const EXPECTED_FILES = [
  ...[
    'connect',
    'subscribe',
    'unsubscribe',
    'publish',
    'presence',
    'presence-stats',
    'history',
    'ping',
    'pong',
    'send',
    'rpc',
    'answer',
  ],
  ...['refresh', 'sub-refresh', 'refused'],
].map((kind) => `command-${kind}.json`);

describe('golden frames', () => {
  it('[WIRE-30] there is a file for each kind of command', () => {
    expect(files.filter((name) => name.startsWith('command-')).sort()).toEqual([...EXPECTED_FILES].sort());
  });

  for (const file of files) {
    const { direction, cases } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'), revive) as Golden;
    for (const { title, json, model } of cases) {
      it(`[WIRE-30] ${file}: ${title}`, () => {
        if (direction === 'command') {
          expect(codec.decode(json, LIMITS)).toEqual({ items: [model] });
          expect(codec.decode(new TextEncoder().encode(`${json}\n`), LIMITS)).toEqual({ items: [model] });
          return;
        }
        const encoded =
          direction === 'reply' ? codec.encodeReply(model as Reply) : codec.encodePush(model as Push);
        expect(fromUtf8((encoded as NonNullable<typeof encoded>).bytes)).toBe(json);
        expect(JSON.parse(json)).toBeTypeOf('object');
      });
    }
  }
});
