/** Which resources exist: the built-in ones and those of the custom resource definitions that are in the store now. */
import { builtinTypes } from '../model/builtin.js';
import type { ResourceType } from '../model/resource-type.js';

export class ResourceRegistry {
  readonly #builtin = builtinTypes();
  readonly #custom = new Map<string, readonly ResourceType[]>();
  #all = new Map<string, ResourceType>();

  constructor() {
    this.#index();
  }

  find(group: string, version: string, resource: string): ResourceType | undefined {
    return this.#all.get(`${group}/${version}/${resource}`);
  }

  /** A resource by group and plural, in the version that is served first. Throws a RangeError when there is none: for callers in this process. */
  require(resource: string, group = ''): ResourceType {
    for (const type of this.#all.values())
      if (type.resource === resource && type.group === group) return type;
    throw new RangeError(`resource ${group}/${resource} is not served`);
  }

  types(): ResourceType[] {
    return [...this.#all.values()];
  }

  /** Whether `group/resource` belongs to the server itself, which a definition must not take. */
  isBuiltin(group: string, resource: string): boolean {
    return this.#builtin.some((type) => type.group === group && type.resource === resource);
  }

  /** Puts the versions of a definition in place of what it had before. */
  setCustom(definition: string, types: readonly ResourceType[]): void {
    this.#custom.set(definition, types);
    this.#index();
  }

  removeCustom(definition: string): void {
    this.#custom.delete(definition);
    this.#index();
  }

  #index(): void {
    const types = [...this.#builtin, ...[...this.#custom.values()].flat()];
    this.#all = new Map(types.map((type) => [`${type.group}/${type.version}/${type.resource}`, type]));
  }
}
