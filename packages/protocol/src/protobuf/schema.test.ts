import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { READERS } from '../commands/readers.js';
import { COMMAND, type Field, type Kind, type Shape } from './schema.js';

const { root } = protobuf.parse(readFileSync(new URL('./wire.proto', import.meta.url), 'utf8'), {
  keepCase: true,
});
root.resolveAll();
const typeOf = (name: string): protobuf.Type => root.lookupType(`trunkline.wire.${name}`);

const KINDS: Readonly<Record<string, readonly Kind[]>> = {
  string: ['text'],
  bytes: ['payload'],
  bool: ['flag'],
  int32: ['int32'],
  int64: ['int64'],
  uint32: ['uint32'],
  uint64: ['uint64'],
};

/** Every field of one is in the other, with the same name, kind and number of values; and so for the messages inside. */
function compare(shape: Shape, type: protobuf.Type, seen = new Set<Shape>()): number {
  if (seen.has(shape)) return 0;
  seen.add(shape);
  const numbered = shape.flatMap((field, number) => (field ? [[number, field] as const] : []));
  expect(numbered.map(([number, { name }]) => [number, name])).toEqual(
    type.fieldsArray.map(({ id, name }) => [id, name]).sort(([one], [other]) => Number(one) - Number(other)),
  );
  let compared = 0;
  for (const [number, ours] of numbered) compared += 1 + compareField(ours, type.fieldsById[number], seen);
  return compared;
}

function compareField(ours: Field, theirs: protobuf.Field | undefined, seen: Set<Shape>): number {
  if (theirs === undefined) throw new Error(`no ${ours.name}`);
  const label = `${theirs.parent?.name}.${theirs.name}`;
  expect([label, ours.map === true, ours.most !== undefined]).toEqual([label, theirs.map, theirs.repeated]);
  if (!(theirs.resolvedType instanceof protobuf.Type)) {
    expect(KINDS[theirs.type], label).toContain(ours.kind);
    return 0;
  }
  expect([label, ours.kind]).toEqual([label, 'message']);
  return compare(ours.shape as Shape, theirs.resolvedType, seen);
}

describe('tables of what a client may send', () => {
  it('[WIRE-40] are those of wire.proto', () => {
    expect(compare(COMMAND, typeOf('Command'))).toBeGreaterThan(50);
  });

  it('[WIRE-40] name each command as the JSON form does', () => {
    expect(typeOf('Command').fieldsArray.map(({ name }) => name)).toEqual(
      ['id', ...READERS.keys()].sort(byNumber),
    );
  });

  it('[WIRE-40] leave the numbers alone that the public protocol uses for something else', () => {
    expect(typeOf('SubscribeResult').isReservedId(14)).toBe(true);
    expect(typeOf('Publication').isReservedId(13)).toBe(true);
    expect(typeOf('ConnectResult').isReservedId(13)).toBe(true);
  });
});

function byNumber(one: string, other: string): number {
  return (typeOf('Command').fields[one]?.id ?? 0) - (typeOf('Command').fields[other]?.id ?? 0);
}
