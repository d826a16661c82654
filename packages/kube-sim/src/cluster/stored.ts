/**
 * An object as it lies in the store, with its version as a number and its JSON text, written once and shared by every reader. The text
 * leaves out kind and apiVersion: items of built-in lists do not carry them, and other versions of a custom resource differ in nothing else.
 */
import type { KubeObject } from '../model/objects.js';

export class Stored {
  readonly key: string;
  readonly object: KubeObject;
  readonly version: number;
  #body: string | undefined;

  constructor(key: string, object: KubeObject, version: number) {
    this.key = key;
    this.object = object;
    this.version = version;
  }

  /** JSON of the object without kind and apiVersion. */
  get body(): string {
    return (this.#body ??= JSON.stringify({ ...this.object, kind: undefined, apiVersion: undefined }));
  }

  /** JSON of the whole object, kind first. */
  text(kind: string, apiVersion: string): string {
    return `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},${this.body.slice(1)}`;
  }

  /** The same object under another version: what a deletion shows. */
  withVersion(version: number): Stored {
    const metadata = { ...this.object.metadata, resourceVersion: String(version) };
    return new Stored(this.key, { ...this.object, metadata }, version);
  }
}
