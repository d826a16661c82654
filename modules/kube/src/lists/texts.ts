/** Objects as the payloads of a list: whole, as the text that the API server wrote, one text for all lists that hold the version; or the wanted parts. */
import type { KubeObject } from '@trunkline/kube-client';
import { createCut } from './paths.js';

export type ToText = (object: KubeObject) => string;

export interface Texts {
  /** Absent: the whole. */
  of(fields: readonly string[] | undefined): ToText;
}

export function createTexts(): Texts {
  const whole = new WeakMap<KubeObject, string>();
  const toWhole: ToText = (object) => {
    const known = whole.get(object);
    if (known !== undefined) return known;
    const text = textOf(object);
    whole.set(object, text);
    return text;
  };
  return {
    of: (fields) => {
      if (fields === undefined) return toWhole;
      const cut = createCut(fields);
      // Not `object.value`: that is held for others until the turn ends, and a thousand parsed objects at once are copied about by the garbage collector.
      return (object) => JSON.stringify(cut(JSON.parse(whole.get(object) ?? textOf(object))));
    },
  };
}

function textOf({ json: { buffer, byteOffset, length } }: KubeObject): string {
  return Buffer.from(buffer, byteOffset, length).toString();
}
