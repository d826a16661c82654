import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KubeObject, toKnownObject, toObject } from './object.js';
import {
  LAST_APPLIED,
  scanContinue,
  scanEvent,
  scanList as scanListInSlices,
  scanObject,
  type PruneOptions,
  type ScannedList,
} from './scan.js';

/** Without pauses. */
function scanList(body: Uint8Array, prune: PruneOptions): ScannedList {
  const work = scanListInSlices(body, prune);
  for (let part = work.next(); ; part = work.next()) if (part.done === true) return part.value;
}

const PRUNE = { keepManagedFields: false, keepLastApplied: false };
const KEEP = { keepManagedFields: true, keepLastApplied: true };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (json: Uint8Array): string => new TextDecoder().decode(json);

function read(json: string, prune = PRUNE): KubeObject {
  return toObject(bytes(json), scanObject(bytes(json), prune), prune);
}

/** Names that matter, and others of the same length. */
const names = fc.constantFrom(
  'kind', 'metadata', 'name', 'namespace', 'uid', 'resourceVersion', 'annotations', 'managedFields', 'items', 'type',
  'object', 'continue', 'apiVersion', LAST_APPLIED, 'kine', 'metadatb', '', 'ü', '__proto__',
); // prettier-ignore
const { value: anyJson } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -0.5, 1e21, 1e-7, ''),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(names, tie('value')), { maxLength: 5 })
      .map((entries) => Object.fromEntries(entries) as unknown),
  ),
}));
const metadata = fc
  .array(fc.tuple(names, anyJson), { maxLength: 6 })
  .map((entries) => ({ ...(Object.fromEntries(entries) as object), name: 'n' }));

/** Written as others may write it: space between tokens, escapes where none are needed, members twice. */
function rewriteText(json: string, seed: number): string {
  let state = seed;
  const die = (): number => (state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) >> 16;
  return json.replace(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g, (token) => {
    if (token.length > 2 && token.startsWith('"') && die() % 5 === 0 && /^"[a-zA-Z]/.test(token))
      return `"\\u00${token.charCodeAt(1).toString(16)}${token.slice(2)}`;
    const space = ['', '', ' ', '\t', '\r\n'][die() % 5] ?? '';
    return /^[{}[\]:,]$/.test(token) ? space + token + space : token;
  });
}

const textAt = (value: unknown, ...path: string[]): string => {
  let at: unknown = value;
  for (const step of path)
    at =
      typeof at === 'object' && at !== null && Object.hasOwn(at, step)
        ? (at as Record<string, unknown>)[step]
        : undefined;
  return typeof at === 'string' ? at : '';
};

describe('the scanner', () => {
  it('[KCL-20] finds in any object what JSON.parse finds, however it is written', () => {
    fc.assert(
      fc.property(fc.record({ kind: anyJson, metadata, spec: anyJson }), fc.nat(), (value, seed) => {
        const json = rewriteText(JSON.stringify(value), seed);
        const plain: unknown = JSON.parse(json);
        const found = read(json);
        expect(found.name).toBe('n');
        expect(found.namespace).toBe(textAt(plain, 'metadata', 'namespace'));
        expect(found.uid).toBe(textAt(plain, 'metadata', 'uid'));
        expect(found.version).toBe(textAt(plain, 'metadata', 'resourceVersion'));
        expect(JSON.parse(text(read(json, KEEP).json))).toEqual(plain);
      }),
      { numRuns: 200 },
    );
  });

  it('[KCL-22] leaves out managedFields and the last-applied annotation, and nothing else', () => {
    fc.assert(
      fc.property(fc.record({ metadata, spec: anyJson }), fc.nat(), (value, seed) => {
        const json = rewriteText(JSON.stringify(value), seed);
        const expected = JSON.parse(json) as { metadata: { managedFields?: unknown; annotations?: unknown } };
        delete expected.metadata.managedFields;
        const { annotations } = expected.metadata;
        if (typeof annotations === 'object' && annotations !== null && !Array.isArray(annotations))
          delete (annotations as Record<string, unknown>)[LAST_APPLIED];
        expect(JSON.parse(text(read(json).json))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('[KCL-22] what stays is byte for byte what came', () => {
    const json = `{"kind":"Pod","metadata":{"managedFields":[{"a":1}], "annotations":{"x":"1","${LAST_APPLIED}":"{}"},"name":"a","managedFields":[]},"n":1.50}`;
    expect(text(read(json).json)).toBe(
      '{"kind":"Pod","metadata":{"annotations":{"x":"1"},"name":"a"},"n":1.50}',
    );
    const all = `{"metadata":{"name":"a","annotations":{"${LAST_APPLIED}":"{}"},"managedFields":[]}}`;
    expect(text(read(all).json)).toBe('{"metadata":{"name":"a","annotations":{}}}');
    expect(text(read(all, KEEP).json)).toBe(all);
  });

  it('[KCL-20] of members with one name the last counts', () => {
    const found = read(
      '{"metadata":{"name":"a","uid":"u","namespace":"x"},"metadata":{"name":"b","name":"c"}}',
    );
    expect([found.key, found.uid]).toEqual(['c', '']);
    const event = '{"object":{"metadata":{"name":"a"}},"type":"X","object":1,"type":"ADDED"}';
    expect(scanEvent(bytes(event), PRUNE)).toEqual({ type: 'ADDED', object: undefined });
    const list = '{"kind":"L","items":[{}],"metadata":{"resourceVersion":"1"},"items":null,"metadata":0}';
    expect(scanList(bytes(list), PRUNE)).toMatchObject({ items: [], version: '' });
  });

  it('[KCL-21] refuses with a SyntaxError exactly what JSON.parse refuses', () => {
    const grammar = fc.array(
      fc.constantFrom(
        ...'{}[]:,"\\ \n0123456789.-+eEtrufalsn/b',
        '"name"',
        '"metadata"',
        '{"a":',
        'true',
        'null',
        '\u0000',
        'é',
      ),
      { maxLength: 14 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          grammar.map((parts) => parts.join('')),
          fc.string(),
        ),
        (inner) => {
          for (const json of [
            inner,
            `{"metadata":{"name":"n"},"x":${inner}}`,
            `{"metadata":{"name":"n","x":[${inner}]}}`,
          ]) {
            let value: unknown;
            try {
              value = JSON.parse(json);
            } catch {
              expect(() => scanObject(bytes(json), PRUNE)).toThrow(SyntaxError);
              continue;
            }
            if (typeof value === 'object' && value !== null && !Array.isArray(value))
              expect(scanObject(bytes(json), PRUNE).end).toBeLessThanOrEqual(json.length * 3);
            else expect(() => scanObject(bytes(json), PRUNE)).toThrow(SyntaxError);
          }
        },
      ),
      { numRuns: 800 },
    );
  });

  it('[KCL-21] numbers, whatever their length', () => {
    const good = ['0', '-0', '10', '1.5', '1e5', '1E+5', '0.0e-0', `1.${'5'.repeat(5_000)}`];
    const bad = [
      '01',
      '-',
      '1.',
      '.5',
      '1e',
      '1e+',
      '+1',
      '1.e5',
      '--1',
      `1.${'5'.repeat(5_000)}e`,
      '0x1',
      '1_0',
    ];
    for (const number of good) expect(scanObject(bytes(`{"a":${number}}`), PRUNE).end).toBeGreaterThan(0);
    for (const number of bad) expect(() => scanObject(bytes(`{"a":${number}}`), PRUNE)).toThrow(SyntaxError);
  });

  it('[KCL-21] any bytes give an answer or a SyntaxError, and nothing is written to', () => {
    const start = bytes(
      '{"type":"ADDED","object":{"metadata":{"name":"a","uid":"ü"},"spec":[1,2,{"a":null}]}}',
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(start.length), fc.nat(20), (noise, at, gone) => {
        const line = new Uint8Array([...start.subarray(0, at), ...noise, ...start.subarray(at + gone)]);
        const copy = line.slice();
        for (const scan of [scanEvent, scanList, scanObject])
          try {
            scan(line, PRUNE);
          } catch (error) {
            expect(error).toBeInstanceOf(SyntaxError);
          }
        expect(line).toEqual(copy);
      }),
      { numRuns: 500 },
    );
  });

  it('[KCL-21] every character at every place of a string, of a value and of a name', () => {
    const refused: string[] = [];
    for (let code = 0; code < 256; code++)
      for (let place = 0; place < 9; place++) {
        const inner = `${'x'.repeat(place)}${String.fromCharCode(code)}n${'y'.repeat(place % 5)}`;
        for (const json of [`{"a":["${inner}"]}`, `{"a":{"${inner}":1}}`, `{"${inner}":"é${inner}"}`]) {
          let isGood = true;
          try {
            JSON.parse(json);
          } catch {
            isGood = false;
          }
          const scan = (): number => scanObject(bytes(json), PRUNE).end;
          if (isGood) expect(scan()).toBe(bytes(json).length);
          else {
            expect(scan).toThrow(SyntaxError);
            refused.push(json);
          }
        }
      }
    // Control characters and quotes; a backslash before an n is an escape.
    expect(refused).toHaveLength(33 * 9 * 3);
  });

  it('[KCL-21] what is opened is closed by its own kind, however deep', () => {
    const kinds = fc.array(fc.boolean(), { minLength: 1, maxLength: 130 });
    fc.assert(
      fc.property(kinds, fc.nat(), (levels, seed) => {
        const open = levels.map((isObject) => (isObject ? '{"b":0,"a":' : '[1,')).join('');
        const close = levels.map((isObject): string => (isObject ? ',"c":{}}' : ',[],2]')).reverse();
        const json = `{"x":${open}null${close.join('')}}`;
        expect(scanObject(bytes(json), PRUNE).end).toBe(JSON.stringify(JSON.parse(json)).length);
        const at = seed % close.length;
        const wrong = close.with(at, close[at]?.endsWith('}') === true ? ',"c":{}]' : ',[],2}');
        const bad = `{"x":${open}null${wrong.join('')}}`;
        expect(() => scanObject(bytes(bad), PRUNE)).toThrow(SyntaxError);
      }),
      { numRuns: 200 },
    );
  });

  it('[KCL-41] the token of the next page is found in front of the items, or not at all', () => {
    const found = (json: string): string => scanContinue(bytes(json));
    expect(found('{"metadata":{"resourceVersion":"1","continue":"a"},"items":[{"metad')).toBe('a');
    expect(found('{"metadata":{"continue":"\\u0061\\n"},"items":[')).toBe('a\n');
    expect(found('{"items":[],"metadata":{"continue":"a"}}')).toBe('');
    expect(found(`{"other":"${'x'.repeat(10_000)}","metadata":{"continue":"a"},"items":[]}`)).toBe('');
    for (const json of [
      '',
      '[]',
      '{"metadata":{"continue":"a',
      '{"metadata":0}',
      '{"metadata":{"continue":7}}',
    ])
      expect(found(json)).toBe('');
  });

  it('[KCL-21] a text that ends anywhere is refused', () => {
    const whole = bytes(
      '{"type":"ADDED","object":{"metadata":{"name":"\\u00e9"},"a":[1.5e3,true,{"b":"c"}]}}',
    );
    for (let length = 0; length < whole.length; length++)
      expect(() => scanEvent(whole.subarray(0, length), PRUNE)).toThrow(SyntaxError);
  });

  it('[KCL-21] nesting is bounded, before the stack is', () => {
    const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect(scanObject(bytes(nested(500)), PRUNE).end).toBe(1_006);
    for (const depth of [513, 1_000_000])
      expect(() => scanObject(bytes(nested(depth)), PRUNE)).toThrow('512 levels');
    expect(() => scanObject(bytes('['.repeat(5_000_000)), PRUNE)).toThrow(SyntaxError);
  });
});

describe('an object', () => {
  it('[KCL-23] is parsed when it is read, once for all who hold the answer', () => {
    const object = read('{"metadata":{"namespace":"x","name":"a"},"spec":{"n":1}}');
    const { value } = object;
    expect(value).toEqual({ metadata: { namespace: 'x', name: 'a' }, spec: { n: 1 } });
    expect(object.value).toBe(value);
    expect(object.key).toBe('x/a');
  });

  it('[KCL-23] keeps its own bytes, not those it was found in', () => {
    const line = bytes('  {"metadata":{"name":"a"}}  ');
    const object = toObject(line, scanObject(line, PRUNE), PRUNE);
    line.fill(0);
    expect([text(object.json), object.json.buffer.byteLength]).toEqual(['{"metadata":{"name":"a"}}', 25]);
  });

  it('[KCL-25] gets the kind that a list leaves out, and keeps its own', () => {
    const type = { kind: 'Pod', apiVersion: 'v1' };
    for (const [given, expected] of [
      ['{"metadata":{"name":"a"}}', '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}'],
      ['{"kind":"X","metadata":{"name":"a"}}', '{"apiVersion":"v1","kind":"X","metadata":{"name":"a"}}'],
      [
        '{"k\\u0069nd":"X","metadata":{"name":"a"}}',
        '{"apiVersion":"v1","kind":"X","metadata":{"name":"a"}}',
      ],
    ] as const)
      expect(text(toObject(bytes(given), scanObject(bytes(given), PRUNE), PRUNE, type).json)).toBe(expected);
  });

  it('[KCL-31] is the one that is known where uid and version are the same', () => {
    const type = { kind: 'Pod', apiVersion: 'v1' };
    const make = (uid: string, version: string): string =>
      `{"metadata":{"name":"a","uid":"${uid}","resourceVersion":"${version}"}}`;
    const known = read(make('u', '1'));
    const again = (json: string): KubeObject =>
      toKnownObject(bytes(json), scanObject(bytes(json), PRUNE), PRUNE, type, () => known);
    expect(again(make('u', '1'))).toBe(known);
    expect(again(make('u', '2'))).not.toBe(known);
    expect(again(make('v', '1'))).not.toBe(known);
  });

  it('[KCL-32] without a name is none', () => {
    for (const json of [
      '{}',
      '{"metadata":{}}',
      '{"metadata":{"name":""}}',
      '{"metadata":{"name":1}}',
      '{"metadata":null}',
    ])
      expect(() => read(json)).toThrow('metadata.name');
  });
});
