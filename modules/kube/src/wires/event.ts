/**
 * One watch event as the wires send it: the object's bytes as the API server wrote them, under the number that it is shown with. What is said to many is made once: the frame of the
 * raw wire is the same for all, and so is the quoted text inside the multiplexer's envelopes. An event that only waits is not written yet.
 */
import type { KubeObject } from '@trunkline/kube-client';
import { Encoded } from '@trunkline/protocol';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

export class WatchEvent {
  readonly type: EventType;
  /** The number under which it is shown; empty for an error. */
  readonly version: string;
  /** Whoever has got to this number is not simply at that version. */
  readonly isPlaced: boolean;
  readonly #object: KubeObject | Uint8Array;
  #raw: Encoded | undefined;
  #quoted: string | undefined;

  /** `object`: in bytes it is taken as it is. */
  constructor(type: EventType, object: KubeObject | Uint8Array, version: string, isPlaced = false) {
    this.type = type;
    this.version = version;
    this.isPlaced = isPlaced;
    this.#object = object;
  }

  /** About as many as it takes on the way. */
  get bytes(): number {
    return this.#object instanceof Uint8Array ? this.#object.length : this.#object.json.length;
  }

  /** `{"type", "object"}`. */
  get raw(): Encoded {
    return (this.#raw ??= new Encoded(Buffer.concat([Buffer.from(this.#head), this.#json(), END])));
  }

  /** The same as a JSON string. */
  get quoted(): string {
    return (this.#quoted ??= JSON.stringify(`${this.#head}${Buffer.from(this.#json()).toString()}}`));
  }

  get #head(): string {
    return `{"type":"${this.type}","object":`;
  }

  /** The object's own bytes, unless it is shown under another version. */
  #json(): Uint8Array {
    if (this.#object instanceof Uint8Array) return this.#object;
    const { json, value, version } = this.#object;
    if (version === this.version) return json;
    const metadata = { ...(value['metadata'] as object), resourceVersion: this.version };
    return Buffer.from(JSON.stringify({ ...value, metadata }));
  }
}

const END = Buffer.from('}');

/** The kind of an object, as it stands in front of it. */
export interface TypeName {
  readonly apiVersion: string;
  readonly kind: string;
}

/** One that is gone, and of which only its metadata is known. */
export function toDeleted(
  type: TypeName,
  { namespace, name, uid }: { readonly namespace: string; readonly name: string; readonly uid: string },
  version: string,
): WatchEvent {
  const metadata = {
    name,
    ...(namespace === '' ? {} : { namespace }),
    ...(uid === '' ? {} : { uid }),
    resourceVersion: version,
  };
  return new WatchEvent('DELETED', Buffer.from(JSON.stringify({ ...type, metadata })), version, true);
}

/** `initial`: everything that was there has been said. */
export function toBookmark(type: TypeName, version: string, initial: boolean): WatchEvent {
  const annotations = initial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  const object = { ...type, metadata: { resourceVersion: version, creationTimestamp: null, ...annotations } };
  return new WatchEvent('BOOKMARK', Buffer.from(JSON.stringify(object)), version);
}

export function toErrorEvent(status: object): WatchEvent {
  return new WatchEvent('ERROR', Buffer.from(JSON.stringify(status)), '');
}
